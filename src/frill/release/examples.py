"""The examples in release/: the shortest program that embeds audio with frill.tflite, for Python and for Android.

Their numbers are the frontend's and the file's own, filled in when the release is made.
"""

from string import Template

from frill.audio import frontend
from frill.audio.waveform import SAMPLE_RATE_HZ

# LiteRT 2's CompiledModel cannot resize an input from Kotlin, and the samples' number is not fixed: hence the Interpreter of 1.4.
ANDROID_PACKAGE = "com.google.ai.edge.litert:litert:1.4.1"

PYTHON = Template('''\
"""Embeds a WAV file of $RATE_HZ Hz, mono, 16 bits: python example.py speech.wav. Needs numpy and ai-edge-litert."""

import sys
import wave
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

interpreter = Interpreter(model_path=str(Path(__file__).parent / "frill.tflite"))


def embed(samples: np.ndarray) -> np.ndarray:
    """Samples float32 [T] in [-1, 1], $RATE_HZ Hz -> float32 [windows, $VALUES], a row for every $STEP_MS ms."""
    entry = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(entry, [1, len(samples)])
    interpreter.allocate_tensors()
    interpreter.set_tensor(entry, samples[np.newaxis])
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


if __name__ == "__main__":
    with wave.open(sys.argv[1]) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == ($RATE_HZ, 1, 2), "wanted: $RATE_HZ Hz, mono, 16 bits"
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    print(embed(samples.astype(np.float32) / 32768).shape)
''')

KOTLIN = Template("""\
// Embeds audio on Android. build.gradle.kts: implementation("$PACKAGE")
// Copy frill.tflite out of the app's assets to a file, or hand a mapped ByteBuffer to Interpreter.
import java.io.File
import org.tensorflow.lite.Interpreter

class Frill(model: File) : AutoCloseable {
    private val interpreter = Interpreter(model, Interpreter.Options().setNumThreads(1))

    /** Mono samples in [-1, 1] at SAMPLE_RATE_HZ -> an embedding of VALUES for every $STEP_MS ms. One thread at a time. */
    fun embed(samples: FloatArray): Array<FloatArray> {
        interpreter.resizeInput(0, intArrayOf(1, samples.size))
        interpreter.allocateTensors()
        val embeddings = Array(windows(samples.size)) { FloatArray(VALUES) }
        interpreter.run(arrayOf(samples), embeddings)
        return embeddings
    }

    override fun close() = interpreter.close()

    companion object {
        const val SAMPLE_RATE_HZ = $RATE_HZ
        const val VALUES = $VALUES

        /** Rows that a clip of so many samples gives; shorter ones are padded to $MIN_SAMPLES. */
        fun windows(samples: Int): Int {
            val frames = (maxOf(samples, $MIN_SAMPLES) - $FRAME) / $HOP + 1
            return (frames - $WINDOW_FRAMES) / $WINDOW_HOP + 1
        }
    }
}
""")


def examples(values: int) -> dict[str, str]:
    """File name -> text. `values` is the length of an embedding."""
    numbers = {
        "RATE_HZ": SAMPLE_RATE_HZ,
        "VALUES": values,
        "STEP_MS": frontend.WINDOW_HOP_SAMPLES * 1000 // SAMPLE_RATE_HZ,
        "MIN_SAMPLES": frontend.MIN_SAMPLES,
        "FRAME": frontend.FRAME_SAMPLES,
        "HOP": frontend.HOP_SAMPLES,
        "WINDOW_FRAMES": frontend.WINDOW_FRAMES,
        "WINDOW_HOP": frontend.WINDOW_HOP_FRAMES,
        "PACKAGE": ANDROID_PACKAGE,
    }
    return {"example.py": PYTHON.substitute(numbers), "Frill.kt": KOTLIN.substitute(numbers)}
