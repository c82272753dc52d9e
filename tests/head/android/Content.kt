package android.content.res

import java.io.File
import java.io.InputStream

/** The assets are the files of the folder that the property names. */
class AssetManager {
    fun open(name: String): InputStream = File(System.getProperty("assets"), name).inputStream()
}
