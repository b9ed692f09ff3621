"""What the page needs of the machine: files, memory, turns, and the words for errors."""
