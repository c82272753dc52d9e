// Gradle 8.13 or later, JDK 17.
// LiteRT 2's classes are of Kotlin 2.3, which Kotlin before 2.2 cannot read.
plugins {
    id("com.android.application") version "8.13.2" apply false
    id("org.jetbrains.kotlin.android") version "2.3.21" apply false
}
