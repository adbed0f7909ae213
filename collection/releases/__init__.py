"""What is noted of releases outside of them: names given, where unfinished ones lie, where they went, who has them."""
