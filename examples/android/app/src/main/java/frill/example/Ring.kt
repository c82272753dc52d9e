package frill.example

/** The last [size] samples of a stream. */
class Ring(private val size: Int) {
    private val samples = FloatArray(size)
    private var next = 0
    private var pushed = 0L

    /** Whether as many samples came as fit: before that the beginning is silence. */
    val isFull get() = pushed >= size

    fun push(block: FloatArray, count: Int) {
        for (i in 0 until count) {
            samples[next] = block[i]
            next = (next + 1) % size
        }
        pushed += count
    }

    /** The samples, the oldest first. */
    fun copyTo(target: FloatArray) {
        System.arraycopy(samples, next, target, 0, size - next)
        System.arraycopy(samples, 0, target, size - next, next)
    }
}
