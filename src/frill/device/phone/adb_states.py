"""What to do with a phone that adb lists in another state than "device", in words."""

STATES = {
    "unauthorized": "has not allowed this computer: unlock it, accept 'Allow USB debugging', "
    "then run this again",
    "offline": "is offline: reconnect its cable, switch USB debugging off and on, "
    "or run `adb reconnect offline`",
    "recovery": "is in recovery mode: restart it",
    "bootloader": "is in its bootloader: restart it",
    "sideload": "is in sideload mode: restart it",
    "no permissions": "may not be opened by this user: add a udev rule for it "
    "(Debian's package android-sdk-platform-tools-common has them)",
}
