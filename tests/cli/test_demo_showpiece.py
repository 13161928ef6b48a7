"""The demo searches for a word that the SR's book contains."""

from cli.demo.showpiece import bangla_word, latin_word


def test_the_first_bangla_word_of_the_first_bangla_name_is_searched() -> None:
    names = ("New Karim Store", "Shop ২৩", "Maa (বিসমিল্লাহ স্টোর)", "নিউ জনতা")
    assert bangla_word(names) == "বিসমিল্লাহ"


def test_a_book_without_bangla_is_searched_for_a_latin_word() -> None:
    names = ("7 M/S Karim & Sons", "Other")
    assert bangla_word(names) is None
    assert latin_word(names) == "Karim"
    assert latin_word(("12", "A-1")) is None
