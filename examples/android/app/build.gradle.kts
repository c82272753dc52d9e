plugins {
    id("com.android.application")
    id("org.jetbrains.kotlin.android")
}

android {
    namespace = "frill.example"
    compileSdk = 35

    defaultConfig {
        applicationId = "frill.example"
        minSdk = 24 // LiteRT 2's own
        targetSdk = 35
        versionCode = 1
        versionName = "1"
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
    // Uncompressed, a model is mapped out of the APK: no copy of its megabytes in memory.
    androidResources { noCompress += "tflite" }
}

kotlin { compilerOptions { jvmTarget = org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_17 } }

dependencies {
    implementation("com.google.ai.edge.litert:litert:2.3.0")
}
