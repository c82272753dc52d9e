// What examples/android uses of com.google.ai.edge.litert:litert:2.3.0, as its documentation has it.
package com.google.ai.edge.litert

import android.content.res.AssetManager

enum class Accelerator { CPU }

class TensorBuffer : AutoCloseable {
    var values = FloatArray(0)
    fun writeFloat(data: FloatArray) { values = data }
    fun readFloat(): FloatArray = values
    override fun close() {}
}

class CompiledModel private constructor() : AutoCloseable {
    class Options(vararg accelerators: Accelerator) { var cpuOptions: CpuOptions? = null }
    data class CpuOptions(val numThreads: Int? = null)

    fun createInputBuffers() = listOf(TensorBuffer())
    fun createOutputBuffers() = listOf(TensorBuffer())
    fun run(inputs: List<TensorBuffer>, outputs: List<TensorBuffer>) { outputs[0].values = inputs[0].values }
    override fun close() {}

    companion object {
        fun create(assets: AssetManager, name: String, options: Options): CompiledModel = CompiledModel()
    }
}
