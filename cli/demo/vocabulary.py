"""Words that shop names, owners and notes are put together from, in both scripts."""

from itertools import product
from typing import NamedTuple

BLESSINGS_LATIN = (
    "Bismillah", "Mayer Doa", "Allahar Dan", "Al-Amin", "Al-Madina", "Makkah", "Madina", "Noor", "Barakah", "Babar Doa",
    "Maa", "Bhai Bhai", "Dui Bhai", "Tin Bhai", "Sonar Bangla", "Janata", "Janani", "Ma Moni", "Nabanna", "Rupali",
    "Shapla", "Doel", "Padma", "Meghna", "Jamuna", "Karnaphuli", "Bondhu", "Adarsha", "Ekota", "Shanti", "Sathi",
    "Shuvo", "Annapurna", "Lokenath", "Joy Guru", "Sri Krishna", "Fatema", "Khadija", "Ayesha", "Amena",
    "Hazrat Shahjalal",
)  # fmt: skip
BLESSINGS_BANGLA = (
    "বিসমিল্লাহ", "মায়ের দোয়া", "আল্লাহর দান", "আল-আমিন", "আল-মদিনা", "মক্কা", "মদিনা", "নূর", "বরকত", "বাবার দোয়া",
    "মা", "ভাই ভাই", "দুই ভাই", "তিন ভাই", "সোনার বাংলা", "জনতা", "জননী", "মা মনি", "নবান্ন", "রূপালী",
    "শাপলা", "দোয়েল", "পদ্মা", "মেঘনা", "যমুনা", "কর্ণফুলী", "বন্ধু", "আদর্শ", "একতা", "শান্তি", "সাথী",
    "শুভ", "অন্নপূর্ণা", "লোকনাথ", "জয় গুরু", "শ্রীকৃষ্ণ", "ফাতেমা", "খাদিজা", "আয়েশা", "আমেনা", "হযরত শাহজালাল",
)  # fmt: skip


class People(NamedTuple):
    """Names that go together: what comes before, the first and the last; each as (Latin, Bangla)."""

    titles: tuple[tuple[str, str], ...]
    first: tuple[tuple[str, str], ...]
    last: tuple[tuple[str, str], ...]


MUSLIM_MEN = People(
    titles=(("Md.", "মোঃ"), ("Mohammad", "মোহাম্মদ"), ("Haji", "হাজী")),
    first=(
        ("Rahim", "রহিম"), ("Karim", "করিম"), ("Jamal", "জামাল"), ("Kamal", "কামাল"), ("Selim", "সেলিম"),
        ("Rafiq", "রফিক"), ("Shafiq", "শফিক"), ("Anwar", "আনোয়ার"), ("Hasan", "হাসান"), ("Mizan", "মিজান"),
        ("Rashed", "রাশেদ"), ("Sohel", "সোহেল"), ("Rubel", "রুবেল"), ("Jewel", "জুয়েল"), ("Babul", "বাবুল"),
        ("Nazrul", "নজরুল"), ("Shahin", "শাহীন"), ("Liton", "লিটন"), ("Ripon", "রিপন"), ("Masud", "মাসুদ"),
        ("Faruk", "ফারুক"), ("Alamgir", "আলমগীর"), ("Jahangir", "জাহাঙ্গীর"), ("Delwar", "দেলোয়ার"), ("Monir", "মনির"),
        ("Nasir", "নাসির"), ("Bashir", "বশির"), ("Habib", "হাবিব"), ("Iqbal", "ইকবাল"), ("Kabir", "কবির"),
        ("Mamun", "মামুন"), ("Milon", "মিলন"), ("Osman", "ওসমান"), ("Polash", "পলাশ"), ("Saiful", "সাইফুল"),
        ("Tariq", "তারিক"), ("Uzzal", "উজ্জ্বল"), ("Wahid", "ওয়াহিদ"), ("Yunus", "ইউনুস"), ("Zakir", "জাকির"),
    ),
    last=(
        ("Rahman", "রহমান"), ("Islam", "ইসলাম"), ("Uddin", "উদ্দিন"), ("Ahmed", "আহমেদ"), ("Hossain", "হোসেন"),
        ("Khan", "খান"), ("Chowdhury", "চৌধুরী"), ("Sarkar", "সরকার"), ("Mia", "মিয়া"), ("Sheikh", "শেখ"),
        ("Talukder", "তালুকদার"), ("Molla", "মোল্লা"), ("Bhuiyan", "ভূঁইয়া"), ("Hawlader", "হাওলাদার"), ("Sikder", "সিকদার"),
    ),
)  # fmt: skip
HINDU_MEN = People(
    titles=(("Sree", "শ্রী"), ("Babu", "বাবু")),
    first=(
        ("Subrata", "সুব্রত"), ("Ratan", "রতন"), ("Gopal", "গোপাল"), ("Bimal", "বিমল"), ("Shyamal", "শ্যামল"),
        ("Nikhil", "নিখিল"), ("Swapan", "স্বপন"), ("Tapan", "তপন"), ("Dilip", "দিলীপ"), ("Uttam", "উত্তম"),
    ),
    last=(
        ("Das", "দাস"), ("Saha", "সাহা"), ("Roy", "রায়"), ("Paul", "পাল"), ("Debnath", "দেবনাথ"), ("Ghosh", "ঘোষ"),
        ("Sarkar", "সরকার"), ("Biswas", "বিশ্বাস"), ("Mondal", "মণ্ডল"), ("Chakma", "চাকমা"),
    ),
)  # fmt: skip
WOMEN = People(
    titles=(("Mst.", "মোছাঃ"), ("Mrs.", "মিসেস")),
    first=(
        ("Rokeya", "রোকেয়া"), ("Salma", "সালমা"), ("Nasima", "নাসিমা"), ("Parvin", "পারভীন"), ("Shirin", "শিরিন"),
        ("Moyna", "ময়না"), ("Kalpana", "কল্পনা"), ("Rina", "রীনা"), ("Shilpi", "শিল্পী"), ("Taslima", "তাসলিমা"),
    ),
    last=(("Begum", "বেগম"), ("Akter", "আক্তার"), ("Khatun", "খাতুন"), ("Sultana", "সুলতানা")),
)  # fmt: skip
KINDS_LATIN = (
    "Store", "Stores", "General Store", "Variety Store", "Departmental Store", "Traders", "Enterprise", "Pharmacy",
    "Medical Hall", "Tea Stall", "Mudi Dokan", "Confectionery", "Bakery", "Grocery", "Telecom", "Library & Stationery",
    "Cosmetics", "Super Shop", "Rice Store", "Hardware", "Krishi Ghar", "Hotel & Restaurant", "Mini Mart", "Fast Food",
)  # fmt: skip
KINDS_BANGLA = (
    "স্টোর", "স্টোরস", "জেনারেল স্টোর", "ভ্যারাইটি স্টোর", "ডিপার্টমেন্টাল স্টোর", "ট্রেডার্স", "এন্টারপ্রাইজ", "ফার্মেসি",
    "মেডিকেল হল", "টি স্টল", "মুদি দোকান", "কনফেকশনারি", "বেকারি", "গ্রোসারি", "টেলিকম", "লাইব্রেরি অ্যান্ড স্টেশনারি",
    "কসমেটিকস", "সুপার শপ", "চাউলের আড়ত", "হার্ডওয়্যার", "কৃষি ঘর", "হোটেল অ্যান্ড রেস্টুরেন্ট", "মিনি মার্ট", "চায়ের দোকান",
)  # fmt: skip
NOTES = (
    "Pays cash on delivery",
    "Prefers delivery before 10 am",
    "Closed on Friday until 3 pm",
    "Beside the mosque, blue shutter",
    "Opposite the primary school",
    'Asks for the "small pack" first',
    "Weekly credit, settle on Thursday",
    "Shelf space promised: two rows, eye level",
    "শুক্রবার বন্ধ",
    "বাজারের মোড়ে, ব্যাংকের পাশে",
    "বাকি দেওয়া যাবে না",
    "সকাল ৯টার পরে খোলা",
    "মসজিদের উল্টো দিকে",
    "বিকাশে টাকা দেন",
)
VISIT_DAYS = ("Sat-Tue", "Sun-Wed", "Mon-Thu", "Sat", "Sun", "Mon", "Tue", "Wed", "Thu")


def _shopkeepers(*groups: People) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"{first[0]} {last[0]}", f"{first[1]} {last[1]}")
        for group in groups
        for first, last in product(group.first, group.last)
    )


def _owners(*groups: People) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"{title[0]} {first[0]} {last[0]}", f"{title[1]} {first[1]} {last[1]}")
        for group in groups
        for title, first, last in product(group.titles, group.first, group.last)
    )


FIRST_LATIN, FIRST_BANGLA = zip(*(MUSLIM_MEN.first + HINDU_MEN.first + WOMEN.first), strict=True)
LAST_LATIN, LAST_BANGLA = zip(*(MUSLIM_MEN.last + HINDU_MEN.last), strict=True)
MEN_LATIN, MEN_BANGLA = zip(*_shopkeepers(MUSLIM_MEN, HINDU_MEN), strict=True)
OWNERS_LATIN, OWNERS_BANGLA = zip(*_owners(MUSLIM_MEN, HINDU_MEN, WOMEN), strict=True)
