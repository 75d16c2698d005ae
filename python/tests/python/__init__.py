"""``puff python`` beside python3."""
