package android.widget

import android.app.Activity

class TextView(activity: Activity) {
    var textSize = 0f
    var text: CharSequence = ""
}
