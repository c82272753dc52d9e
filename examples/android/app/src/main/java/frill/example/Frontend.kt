package frill.example

/** What the models take: 1 s of mono samples in [-1, 1], and how far their windows are apart. */
object Frontend {
    const val SAMPLE_RATE_HZ = 16000
    const val SAMPLES = 16000
    const val HOP_SAMPLES = 2720 // 170 ms
}
