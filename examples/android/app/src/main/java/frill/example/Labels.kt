package frill.example

import java.io.ByteArrayInputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.ZipInputStream

/** The labels and a single window's threshold, which `frill head` wrote behind a model as a zip. */
class Labels(val names: List<String>, val threshold: Float) {
    /** The most probable label, or null for a sound that is none of them. */
    fun name(probabilities: FloatArray): String? {
        var best = 0
        for (i in probabilities.indices) if (probabilities[i] > probabilities[best]) best = i
        return if (probabilities[best] < threshold) null else names[best]
    }

    companion object {
        private const val END_BYTES = 22 // the zip's last record, without a comment
        private val THRESHOLD = Regex("\"window_threshold\": ([0-9.e-]+)")

        /** Reads them from the whole content of a .tflite file. */
        fun read(model: ByteBuffer): Labels {
            val bytes = model.duplicate().order(ByteOrder.LITTLE_ENDIAN)
            val directory = bytes.getInt(bytes.capacity() - END_BYTES + 16)
            val first = bytes.getInt(directory + 42) // where the first file of the directory lies
            val zip = ByteArray(bytes.capacity() - first)
            bytes.position(first)
            bytes.get(zip)
            val texts = HashMap<String, String>()
            ZipInputStream(ByteArrayInputStream(zip)).use { input ->
                while (true) {
                    val entry = input.nextEntry ?: break
                    texts[entry.name] = String(input.readBytes(), Charsets.UTF_8)
                }
            }
            val names = texts.getValue("labels.txt").trimEnd('\n').split('\n')
            val about = texts.getValue("head.json")
            return Labels(names, THRESHOLD.find(about)!!.groupValues[1].toFloat())
        }
    }
}
