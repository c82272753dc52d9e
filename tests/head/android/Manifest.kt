// The few of Android's classes that examples/android uses, with the signatures of its API 24.
package android

class Manifest {
    object permission {
        const val RECORD_AUDIO = "android.permission.RECORD_AUDIO"
    }
}
