// What test_kotlin.py looks at: Main LABELS_CLASS'S lines, those of the app's own parts.
import frill.example.Frontend
import frill.example.Labels
import frill.example.Listener
import frill.example.Ring
import java.io.File
import java.io.PrintStream
import java.nio.ByteBuffer

fun main(arguments: Array<String>) {
    val out = PrintStream(System.out, true, "UTF-8")
    val read = Labels.read(ByteBuffer.wrap(File(arguments[0]).readBytes()))
    for (label in MySounds2.LABELS) out.println("example $label")
    for (label in read.names) out.println("file $label")
    out.println("thresholds ${MySounds2.THRESHOLD} ${read.threshold}")
    for (samples in listOf(100, 16000, 32000, 160000)) {
        out.println("windows $samples ${MySounds2.windows(samples)} ${Frill.windows(samples)}")
    }
    out.println("unknown ${read.name(FloatArray(4) { 0.25f })} ${MySounds2(File("x")).name(FloatArray(4) { 0.0f })}")
    out.println("best ${read.name(floatArrayOf(0f, 0f, 1f, 0f))}")
    out.println("frontend ${Frontend.SAMPLE_RATE_HZ} ${Frontend.SAMPLES} ${Frontend.HOP_SAMPLES}")
    val ring = Ring(5)
    ring.push(floatArrayOf(1f, 2f, 3f), 3)
    out.println("full ${ring.isFull}")
    ring.push(floatArrayOf(4f, 5f, 6f, 7f), 4)
    val last = FloatArray(5)
    ring.copyTo(last)
    out.println("ring ${ring.isFull} ${last.joinToString(" ")}")
    var calls = 0
    var listener: Listener? = null
    listener = Listener { second ->
        out.println("heard ${second.first()} ${second.last()}")
        calls += 1
        if (calls == 2) listener!!.interrupt()
    }
    listener.start()
    listener.join()
}
