package android.app

import android.content.res.AssetManager
import android.os.Bundle
import android.widget.TextView

open class Activity {
    val assets = AssetManager()
    protected open fun onCreate(state: Bundle?) {}
    protected open fun onResume() {}
    protected open fun onPause() {}
    protected open fun onDestroy() {}
    fun setContentView(view: TextView) {}
    fun requestPermissions(permissions: Array<String>, code: Int) {}
    fun checkSelfPermission(permission: String): Int = 0
    fun runOnUiThread(action: () -> Unit) = action()
}
