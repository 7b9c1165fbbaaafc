"""A fiscalization engine for internet payments under the Russian law 54-FZ."""
