package android.media

class MediaRecorder {
    object AudioSource {
        const val VOICE_RECOGNITION = 6
    }
}

class AudioFormat {
    companion object {
        const val CHANNEL_IN_MONO = 16
        const val ENCODING_PCM_FLOAT = 4
    }
}

/** A microphone that counts, in pieces of odd lengths as a real one may give. */
class AudioRecord(source: Int, rateHz: Int, channels: Int, encoding: Int, bytes: Int) {
    val state = STATE_INITIALIZED
    private var next = 0
    fun startRecording() {}
    fun read(block: FloatArray, offset: Int, size: Int, mode: Int): Int {
        for (i in 0 until size) block[offset + i] = (next++).toFloat()
        return size
    }
    fun stop() {}
    fun release() {}

    companion object {
        const val STATE_INITIALIZED = 1
        const val READ_BLOCKING = 0
    }
}
