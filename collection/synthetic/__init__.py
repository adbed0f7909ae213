"""What synthetic classes are made of: people, sentences, voices, mistakes, sound files, and the truth about them."""
