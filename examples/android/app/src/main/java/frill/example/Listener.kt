package frill.example

import android.media.AudioFormat
import android.media.AudioRecord
import android.media.MediaRecorder

/**
 * Listens until it is interrupted, and calls [hear] every 170 ms with the last second.
 *
 * A thread of its own: reading blocks, and a model's milliseconds on the main thread would make the screen stutter.
 * AudioRecord's buffer holds a second, so that a slow moment loses nothing.
 */
class Listener(private val hear: (FloatArray) -> Unit) : Thread("microphone") {
    override fun run() {
        val record = AudioRecord(
            MediaRecorder.AudioSource.VOICE_RECOGNITION, // the least processed that every phone has
            Frontend.SAMPLE_RATE_HZ,
            AudioFormat.CHANNEL_IN_MONO,
            AudioFormat.ENCODING_PCM_FLOAT,
            Frontend.SAMPLES * 4
        )
        check(record.state == AudioRecord.STATE_INITIALIZED) { "no microphone at 16 kHz" }
        val ring = Ring(Frontend.SAMPLES)
        val block = FloatArray(Frontend.HOP_SAMPLES)
        val second = FloatArray(Frontend.SAMPLES)
        record.startRecording()
        try {
            while (!isInterrupted) {
                val count = record.read(block, 0, block.size, AudioRecord.READ_BLOCKING)
                check(count > 0) { "the microphone failed: $count" }
                ring.push(block, count)
                if (!ring.isFull) continue
                ring.copyTo(second)
                hear(second)
            }
        } finally {
            record.stop()
            record.release()
        }
    }
}
