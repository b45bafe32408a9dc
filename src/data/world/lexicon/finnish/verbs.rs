//! The Finnish forms of verbs.

use super::FinnishVerb;

/// Infinitives; present; past; what is denied.
const fn verb(
    infinitives: [&'static str; 2],
    present: [&'static str; 5],
    past: [&'static str; 5],
    negative: [&'static str; 3],
) -> FinnishVerb {
    FinnishVerb { infinitives, present, past, negative, liked: None }
}

/// A verb with the elative of doing it.
const fn pastime(verb: FinnishVerb, liked: &'static str) -> FinnishVerb {
    FinnishVerb { liked: Some(liked), ..verb }
}

use FinnishVerb as Verb;

pub(in super::super) const BE: Verb = verb(
    ["olla", "olemaan"],
    ["olen", "olet", "on", "olemme", "ovat"],
    ["olin", "olit", "oli", "olimme", "olivat"],
    ["ole", "ollut", "olleet"],
);
pub(in super::super) const LIKE: Verb = verb(
    ["pitää", "pitämään"],
    ["pidän", "pidät", "pitää", "pidämme", "pitävät"],
    ["pidin", "pidit", "piti", "pidimme", "pitivät"],
    ["pidä", "pitänyt", "pitäneet"],
);
pub(in super::super) const LIVE: Verb = verb(
    ["asua", "asumaan"],
    ["asun", "asut", "asuu", "asumme", "asuvat"],
    ["asuin", "asuit", "asui", "asuimme", "asuivat"],
    ["asu", "asunut", "asuneet"],
);
pub(in super::super) const SLEEP: Verb = verb(
    ["nukkua", "nukkumaan"],
    ["nukun", "nukut", "nukkuu", "nukumme", "nukkuvat"],
    ["nukuin", "nukuit", "nukkui", "nukuimme", "nukkuivat"],
    ["nuku", "nukkunut", "nukkuneet"],
);
pub(in super::super) const WORKING: Verb = verb(
    ["työskennellä", "työskentelemään"],
    ["työskentelen", "työskentelet", "työskentelee", "työskentelemme", "työskentelevät"],
    ["työskentelin", "työskentelit", "työskenteli", "työskentelimme", "työskentelivät"],
    ["työskentele", "työskennellyt", "työskennelleet"],
);
pub(in super::super) const PLAY: Verb = pastime(
    verb(
        ["leikkiä", "leikkimään"],
        ["leikin", "leikit", "leikkii", "leikimme", "leikkivät"],
        ["leikin", "leikit", "leikki", "leikimme", "leikkivät"],
        ["leiki", "leikkinyt", "leikkineet"],
    ),
    "leikkimisestä",
);
pub(in super::super) const SWIM: Verb = pastime(
    verb(
        ["uida", "uimaan"],
        ["uin", "uit", "ui", "uimme", "uivat"],
        ["uin", "uit", "ui", "uimme", "uivat"],
        ["ui", "uinut", "uineet"],
    ),
    "uimisesta",
);
pub(in super::super) const SING: Verb = pastime(
    verb(
        ["laulaa", "laulamaan"],
        ["laulan", "laulat", "laulaa", "laulamme", "laulavat"],
        ["lauloin", "lauloit", "lauloi", "lauloimme", "lauloivat"],
        ["laula", "laulanut", "laulaneet"],
    ),
    "laulamisesta",
);
pub(in super::super) const DANCE: Verb = pastime(
    verb(
        ["tanssia", "tanssimaan"],
        ["tanssin", "tanssit", "tanssii", "tanssimme", "tanssivat"],
        ["tanssin", "tanssit", "tanssi", "tanssimme", "tanssivat"],
        ["tanssi", "tanssinut", "tanssineet"],
    ),
    "tanssimisesta",
);
pub(in super::super) const RUN: Verb = pastime(
    verb(
        ["juosta", "juoksemaan"],
        ["juoksen", "juokset", "juoksee", "juoksemme", "juoksevat"],
        ["juoksin", "juoksit", "juoksi", "juoksimme", "juoksivat"],
        ["juokse", "juossut", "juosseet"],
    ),
    "juoksemisesta",
);
pub(in super::super) const SIT: Verb = verb(
    ["istua", "istumaan"],
    ["istun", "istut", "istuu", "istumme", "istuvat"],
    ["istuin", "istuit", "istui", "istuimme", "istuivat"],
    ["istu", "istunut", "istuneet"],
);
pub(in super::super) const GO: Verb = verb(
    ["mennä", "menemään"],
    ["menen", "menet", "menee", "menemme", "menevät"],
    ["menin", "menit", "meni", "menimme", "menivät"],
    ["mene", "mennyt", "menneet"],
);
pub(in super::super) const COME: Verb = verb(
    ["tulla", "tulemaan"],
    ["tulen", "tulet", "tulee", "tulemme", "tulevat"],
    ["tulin", "tulit", "tuli", "tulimme", "tulivat"],
    ["tule", "tullut", "tulleet"],
);
pub(in super::super) const TRAVEL: Verb = verb(
    ["matkustaa", "matkustamaan"],
    ["matkustan", "matkustat", "matkustaa", "matkustamme", "matkustavat"],
    ["matkustin", "matkustit", "matkusti", "matkustimme", "matkustivat"],
    ["matkusta", "matkustanut", "matkustaneet"],
);
pub(in super::super) const SEEING: Verb = verb(
    ["nähdä", "näkemään"],
    ["näen", "näet", "näkee", "näemme", "näkevät"],
    ["näin", "näit", "näki", "näimme", "näkivät"],
    ["näe", "nähnyt", "nähneet"],
);
pub(in super::super) const WAITING: Verb = verb(
    ["odottaa", "odottamaan"],
    ["odotan", "odotat", "odottaa", "odotamme", "odottavat"],
    ["odotin", "odotit", "odotti", "odotimme", "odottivat"],
    ["odota", "odottanut", "odottaneet"],
);
pub(in super::super) const SEEKING: Verb = verb(
    ["etsiä", "etsimään"],
    ["etsin", "etsit", "etsii", "etsimme", "etsivät"],
    ["etsin", "etsit", "etsi", "etsimme", "etsivät"],
    ["etsi", "etsinyt", "etsineet"],
);
pub(in super::super) const LOOKING: Verb = verb(
    ["katsoa", "katsomaan"],
    ["katson", "katsot", "katsoo", "katsomme", "katsovat"],
    ["katsoin", "katsoit", "katsoi", "katsoimme", "katsoivat"],
    ["katso", "katsonut", "katsoneet"],
);
pub(in super::super) const FEARING: Verb = verb(
    ["pelätä", "pelkäämään"],
    ["pelkään", "pelkäät", "pelkää", "pelkäämme", "pelkäävät"],
    ["pelkäsin", "pelkäsit", "pelkäsi", "pelkäsimme", "pelkäsivät"],
    ["pelkää", "pelännyt", "pelänneet"],
);
pub(in super::super) const READING: Verb = pastime(
    verb(
        ["lukea", "lukemaan"],
        ["luen", "luet", "lukee", "luemme", "lukevat"],
        ["luin", "luit", "luki", "luimme", "lukivat"],
        ["lue", "lukenut", "lukeneet"],
    ),
    "lukemisesta",
);
pub(in super::super) const EATING: Verb = verb(
    ["syödä", "syömään"],
    ["syön", "syöt", "syö", "syömme", "syövät"],
    ["söin", "söit", "söi", "söimme", "söivät"],
    ["syö", "syönyt", "syöneet"],
);
pub(in super::super) const DRINKING: Verb = verb(
    ["juoda", "juomaan"],
    ["juon", "juot", "juo", "juomme", "juovat"],
    ["join", "joit", "joi", "joimme", "joivat"],
    ["juo", "juonut", "juoneet"],
);
pub(in super::super) const BUYING: Verb = verb(
    ["ostaa", "ostamaan"],
    ["ostan", "ostat", "ostaa", "ostamme", "ostavat"],
    ["ostin", "ostit", "osti", "ostimme", "ostivat"],
    ["osta", "ostanut", "ostaneet"],
);
pub(in super::super) const SELLING: Verb = verb(
    ["myydä", "myymään"],
    ["myyn", "myyt", "myy", "myymme", "myyvät"],
    ["myin", "myit", "myi", "myimme", "myivät"],
    ["myy", "myynyt", "myyneet"],
);
pub(in super::super) const FINDING: Verb = verb(
    ["löytää", "löytämään"],
    ["löydän", "löydät", "löytää", "löydämme", "löytävät"],
    ["löysin", "löysit", "löysi", "löysimme", "löysivät"],
    ["löydä", "löytänyt", "löytäneet"],
);
pub(in super::super) const LOSING: Verb = verb(
    ["kadottaa", "kadottamaan"],
    ["kadotan", "kadotat", "kadottaa", "kadotamme", "kadottavat"],
    ["kadotin", "kadotit", "kadotti", "kadotimme", "kadottivat"],
    ["kadota", "kadottanut", "kadottaneet"],
);
pub(in super::super) const HELP: Verb = verb(
    ["auttaa", "auttamaan"],
    ["autan", "autat", "auttaa", "autamme", "auttavat"],
    ["autoin", "autoit", "auttoi", "autoimme", "auttoivat"],
    ["auta", "auttanut", "auttaneet"],
);
pub(in super::super) const GIVE: Verb = verb(
    ["antaa", "antamaan"],
    ["annan", "annat", "antaa", "annamme", "antavat"],
    ["annoin", "annoit", "antoi", "annoimme", "antoivat"],
    ["anna", "antanut", "antaneet"],
);
pub(in super::super) const SHOW: Verb = verb(
    ["näyttää", "näyttämään"],
    ["näytän", "näytät", "näyttää", "näytämme", "näyttävät"],
    ["näytin", "näytit", "näytti", "näytimme", "näyttivät"],
    ["näytä", "näyttänyt", "näyttäneet"],
);
pub(in super::super) const PUT: Verb = verb(
    ["laittaa", "laittamaan"],
    ["laitan", "laitat", "laittaa", "laitamme", "laittavat"],
    ["laitoin", "laitoit", "laittoi", "laitoimme", "laittoivat"],
    ["laita", "laittanut", "laittaneet"],
);
pub(in super::super) const TAKE: Verb = verb(
    ["ottaa", "ottamaan"],
    ["otan", "otat", "ottaa", "otamme", "ottavat"],
    ["otin", "otit", "otti", "otimme", "ottivat"],
    ["ota", "ottanut", "ottaneet"],
);
pub(in super::super) const TALK: Verb = verb(
    ["puhua", "puhumaan"],
    ["puhun", "puhut", "puhuu", "puhumme", "puhuvat"],
    ["puhuin", "puhuit", "puhui", "puhuimme", "puhuivat"],
    ["puhu", "puhunut", "puhuneet"],
);
pub(in super::super) const WANT: Verb = verb(
    ["haluta", "haluamaan"],
    ["haluan", "haluat", "haluaa", "haluamme", "haluavat"],
    ["halusin", "halusit", "halusi", "halusimme", "halusivat"],
    ["halua", "halunnut", "halunneet"],
);
pub(in super::super) const CAN: Verb = verb(
    ["osata", "osaamaan"],
    ["osaan", "osaat", "osaa", "osaamme", "osaavat"],
    ["osasin", "osasit", "osasi", "osasimme", "osasivat"],
    ["osaa", "osannut", "osanneet"],
);

/// What somebody must (the subject is in the genitive, the verb has one form) and need not do.
pub(in super::super) const MUST: Verb =
    verb(["täytyä", "täytymään"], ["täytyy"; 5], ["täytyi"; 5], ["tarvitse", "tarvinnut", "tarvinnut"]);
/// `sataa`, what rain and snow do: present, past, and what follows `ei` in each.
pub(in super::super::super) const FALLS: [&str; 4] = ["sataa", "satoi", "sada", "satanut"];
