// What Frill.kt and the example of `frill head` use of com.google.ai.edge.litert:litert:1.4.1.
package org.tensorflow.lite

import java.io.File

class Interpreter(model: File, options: Options) : AutoCloseable {
    class Options { fun setNumThreads(threads: Int): Options = this }
    fun resizeInput(index: Int, shape: IntArray) {}
    fun allocateTensors() {}
    fun run(input: Any, output: Any) {}
    fun runForMultipleInputsOutputs(inputs: Array<Any>, outputs: Map<Int, Any>) {}
    override fun close() {}
}
