"""What strategies change, as measured: base and applied side by side, by case and mover."""
