"""The programs that run on a phone: where they come from, what they are asked, what they print."""
