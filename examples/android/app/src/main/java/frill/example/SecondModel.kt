package frill.example

import android.content.res.AssetManager
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel

/**
 * A model of 1 s of samples: frill_1s.tflite, or the ..._1s.tflite that `frill head` wrote.
 *
 * CompiledModel, LiteRT 2's own interface, and not the older Interpreter: shapes are fixed here. Files of any
 * length (frill.tflite) need Interpreter.resizeInput, which CompiledModel lacks in Kotlin.
 * On the CPU: the spectrum's FFT is of two operations that GPUs and NPUs do not take, and the rest is small.
 * One thread: a second one saves little, and costs the app's other work a core.
 */
class SecondModel(assets: AssetManager, name: String) : AutoCloseable {
    private val model = CompiledModel.create(
        assets,
        name,
        CompiledModel.Options(Accelerator.CPU).apply { cpuOptions = CompiledModel.CpuOptions(numThreads = 1) }
    )
    private val inputs = model.createInputBuffers()
    private val outputs = model.createOutputBuffers()

    /** [Frontend.SAMPLES] samples -> an embedding, or the probabilities of the labels. One thread at a time. */
    fun run(samples: FloatArray): FloatArray {
        inputs[0].writeFloat(samples)
        model.run(inputs, outputs)
        return outputs[0].readFloat()
    }

    override fun close() {
        inputs.forEach { it.close() }
        outputs.forEach { it.close() }
        model.close()
    }
}
