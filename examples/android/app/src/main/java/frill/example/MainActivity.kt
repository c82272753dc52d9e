package frill.example

import android.Manifest
import android.app.Activity
import android.content.pm.PackageManager
import android.os.Bundle
import android.widget.TextView
import java.nio.ByteBuffer

/** Shows what the microphone hears: the label of the last second, its probability, and how long both models took. */
class MainActivity : Activity() {
    private lateinit var text: TextView
    private lateinit var labels: Labels
    private lateinit var head: SecondModel
    private lateinit var embedder: SecondModel
    private var listener: Listener? = null

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        text = TextView(this)
        text.textSize = 24f
        setContentView(text)
        labels = Labels.read(ByteBuffer.wrap(assets.open(HEAD).use { it.readBytes() }))
        head = SecondModel(assets, HEAD)
        embedder = SecondModel(assets, EMBEDDER)
        if (!mayRecord()) requestPermissions(arrayOf(Manifest.permission.RECORD_AUDIO), 0)
    }

    override fun onResume() {
        super.onResume() // again after the question for the microphone
        if (mayRecord()) listener = Listener(::hear).also { it.start() }
    }

    override fun onPause() {
        super.onPause()
        listener?.interrupt()
        listener?.join() // its models must not be closed under it
        listener = null
    }

    override fun onDestroy() {
        super.onDestroy()
        head.close()
        embedder.close()
    }

    /** On the microphone's thread. */
    private fun hear(second: FloatArray) {
        val start = System.nanoTime()
        val probabilities = head.run(second)
        val headMs = (System.nanoTime() - start) / 1e6
        val embedding = embedder.run(second) // for whatever else the app does with it: search, clustering, another head
        val bothMs = (System.nanoTime() - start) / 1e6
        val name = labels.name(probabilities) ?: "unknown"
        var most = 0f
        for (value in probabilities) most = maxOf(most, value)
        val shown = "%s  %.0f %%\nhead %.1f ms\nembedding of %d values %.1f ms"
            .format(name, 100 * most, headMs, embedding.size, bothMs - headMs)
        runOnUiThread { text.text = shown }
    }

    private fun mayRecord() =
        checkSelfPermission(Manifest.permission.RECORD_AUDIO) == PackageManager.PERMISSION_GRANTED

    private companion object {
        const val HEAD = "head_1s.tflite"
        const val EMBEDDER = "frill_1s.tflite"
    }
}
