//! Verbs.

use super::Verb;
use super::finnish::{FinnishVerb, verbs as fi};

/// English base, third person, past; Estonian ma- and da-infinitive; present; past; after `ei` now and then; Finnish.
const fn verb(
    en: [&'static str; 3],
    infinitives: [&'static str; 2],
    present: [&'static str; 5],
    past: [&'static str; 5],
    negative: [&'static str; 2],
    fi: FinnishVerb,
) -> Verb {
    Verb { en, infinitives, present, past, negative, fi }
}

pub(in super::super) static BE: Verb = verb(
    ["be", "is", "was"],
    ["olema", "olla"],
    ["olen", "oled", "on", "oleme", "on"],
    ["olin", "olid", "oli", "olime", "olid"],
    ["ole", "olnud"],
    fi::BE,
);
pub(in super::super) static HAVE: Verb =
    verb(["have", "has", "had"], BE.infinitives, BE.present, BE.past, BE.negative, fi::BE);
pub(in super::super) static LIKE: Verb = verb(
    ["like", "likes", "liked"],
    ["meeldima", "meeldida"],
    ["meeldin", "meeldid", "meeldib", "meeldime", "meeldivad"],
    ["meeldisin", "meeldisid", "meeldis", "meeldisime", "meeldisid"],
    ["meeldi", "meeldinud"],
    fi::LIKE,
);
pub(in super::super) static LIVE: Verb = verb(
    ["live", "lives", "lived"],
    ["elama", "elada"],
    ["elan", "elad", "elab", "elame", "elavad"],
    ["elasin", "elasid", "elas", "elasime", "elasid"],
    ["ela", "elanud"],
    fi::LIVE,
);

pub(in super::super) static SLEEP: Verb = verb(
    ["sleep", "sleeps", "slept"],
    ["magama", "magada"],
    ["magan", "magad", "magab", "magame", "magavad"],
    ["magasin", "magasid", "magas", "magasime", "magasid"],
    ["maga", "maganud"],
    fi::SLEEP,
);
pub(in super::super) static WORKING: Verb = verb(
    ["work", "works", "worked"],
    ["töötama", "töötada"],
    ["töötan", "töötad", "töötab", "töötame", "töötavad"],
    ["töötasin", "töötasid", "töötas", "töötasime", "töötasid"],
    ["tööta", "töötanud"],
    fi::WORKING,
);
pub(in super::super) static PLAY: Verb = verb(
    ["play", "plays", "played"],
    ["mängima", "mängida"],
    ["mängin", "mängid", "mängib", "mängime", "mängivad"],
    ["mängisin", "mängisid", "mängis", "mängisime", "mängisid"],
    ["mängi", "mänginud"],
    fi::PLAY,
);
pub(in super::super) static SWIM: Verb = verb(
    ["swim", "swims", "swam"],
    ["ujuma", "ujuda"],
    ["ujun", "ujud", "ujub", "ujume", "ujuvad"],
    ["ujusin", "ujusid", "ujus", "ujusime", "ujusid"],
    ["uju", "ujunud"],
    fi::SWIM,
);
pub(in super::super) static SING: Verb = verb(
    ["sing", "sings", "sang"],
    ["laulma", "laulda"],
    ["laulan", "laulad", "laulab", "laulame", "laulavad"],
    ["laulsin", "laulsid", "laulis", "laulsime", "laulsid"],
    ["laula", "laulnud"],
    fi::SING,
);
pub(in super::super) static DANCE: Verb = verb(
    ["dance", "dances", "danced"],
    ["tantsima", "tantsida"],
    ["tantsin", "tantsid", "tantsib", "tantsime", "tantsivad"],
    ["tantsisin", "tantsisid", "tantsis", "tantsisime", "tantsisid"],
    ["tantsi", "tantsinud"],
    fi::DANCE,
);
pub(in super::super) static RUN: Verb = verb(
    ["run", "runs", "ran"],
    ["jooksma", "joosta"],
    ["jooksen", "jooksed", "jookseb", "jookseme", "jooksevad"],
    ["jooksin", "jooksid", "jooksis", "jooksime", "jooksid"],
    ["jookse", "jooksnud"],
    fi::RUN,
);
pub(in super::super) static SIT: Verb = verb(
    ["sit", "sits", "sat"],
    ["istuma", "istuda"],
    ["istun", "istud", "istub", "istume", "istuvad"],
    ["istusin", "istusid", "istus", "istusime", "istusid"],
    ["istu", "istunud"],
    fi::SIT,
);

pub(in super::super) static GO: Verb = verb(
    ["go", "goes", "went"],
    ["minema", "minna"],
    ["lähen", "lähed", "läheb", "läheme", "lähevad"],
    ["läksin", "läksid", "läks", "läksime", "läksid"],
    ["lähe", "läinud"],
    fi::GO,
);
pub(in super::super) static COME: Verb = verb(
    ["come", "comes", "came"],
    ["tulema", "tulla"],
    ["tulen", "tuled", "tuleb", "tuleme", "tulevad"],
    ["tulin", "tulid", "tuli", "tulime", "tulid"],
    ["tule", "tulnud"],
    fi::COME,
);
pub(in super::super) static TRAVEL: Verb = verb(
    ["travel", "travels", "travelled"],
    ["sõitma", "sõita"],
    ["sõidan", "sõidad", "sõidab", "sõidame", "sõidavad"],
    ["sõitsin", "sõitsid", "sõitis", "sõitsime", "sõitsid"],
    ["sõida", "sõitnud"],
    fi::TRAVEL,
);

pub(super) static SEEING: Verb = verb(
    ["see", "sees", "saw"],
    ["nägema", "näha"],
    ["näen", "näed", "näeb", "näeme", "näevad"],
    ["nägin", "nägid", "nägi", "nägime", "nägid"],
    ["näe", "näinud"],
    fi::SEEING,
);
pub(super) static WAITING: Verb = verb(
    ["wait for", "waits for", "waited for"],
    ["ootama", "oodata"],
    ["ootan", "ootad", "ootab", "ootame", "ootavad"],
    ["ootasin", "ootasid", "ootas", "ootasime", "ootasid"],
    ["oota", "oodanud"],
    fi::WAITING,
);
pub(super) static SEEKING: Verb = verb(
    ["look for", "looks for", "looked for"],
    ["otsima", "otsida"],
    ["otsin", "otsid", "otsib", "otsime", "otsivad"],
    ["otsisin", "otsisid", "otsis", "otsisime", "otsisid"],
    ["otsi", "otsinud"],
    fi::SEEKING,
);
pub(super) static LOOKING: Verb = verb(
    ["look at", "looks at", "looked at"],
    ["vaatama", "vaadata"],
    ["vaatan", "vaatad", "vaatab", "vaatame", "vaatavad"],
    ["vaatasin", "vaatasid", "vaatas", "vaatasime", "vaatasid"],
    ["vaata", "vaadanud"],
    fi::LOOKING,
);
pub(super) static FEARING: Verb = verb(
    ["be afraid of", "is afraid of", "was afraid of"],
    ["kartma", "karta"],
    ["kardan", "kardad", "kardab", "kardame", "kardavad"],
    ["kartsin", "kartsid", "kartis", "kartsime", "kartsid"],
    ["karda", "kartnud"],
    fi::FEARING,
);
pub(in super::super) static READING: Verb = verb(
    ["read", "reads", "read"],
    ["lugema", "lugeda"],
    ["loen", "loed", "loeb", "loeme", "loevad"],
    ["lugesin", "lugesid", "luges", "lugesime", "lugesid"],
    ["loe", "lugenud"],
    fi::READING,
);
pub(super) static EATING: Verb = verb(
    ["eat", "eats", "ate"],
    ["sööma", "süüa"],
    ["söön", "sööd", "sööb", "sööme", "söövad"],
    ["sõin", "sõid", "sõi", "sõime", "sõid"],
    ["söö", "söönud"],
    fi::EATING,
);
pub(super) static DRINKING: Verb = verb(
    ["drink", "drinks", "drank"],
    ["jooma", "juua"],
    ["joon", "jood", "joob", "joome", "joovad"],
    ["jõin", "jõid", "jõi", "jõime", "jõid"],
    ["joo", "joonud"],
    fi::DRINKING,
);
pub(super) static BUYING: Verb = verb(
    ["buy", "buys", "bought"],
    ["ostma", "osta"],
    ["ostan", "ostad", "ostab", "ostame", "ostavad"],
    ["ostsin", "ostsid", "ostis", "ostsime", "ostsid"],
    ["osta", "ostnud"],
    fi::BUYING,
);
pub(super) static SELLING: Verb = verb(
    ["sell", "sells", "sold"],
    ["müüma", "müüa"],
    ["müün", "müüd", "müüb", "müüme", "müüvad"],
    ["müüsin", "müüsid", "müüs", "müüsime", "müüsid"],
    ["müü", "müünud"],
    fi::SELLING,
);
pub(super) static FINDING: Verb = verb(
    ["find", "finds", "found"],
    ["leidma", "leida"],
    ["leian", "leiad", "leiab", "leiame", "leiavad"],
    ["leidsin", "leidsid", "leidis", "leidsime", "leidsid"],
    ["leia", "leidnud"],
    fi::FINDING,
);
pub(super) static LOSING: Verb = verb(
    ["lose", "loses", "lost"],
    ["kaotama", "kaotada"],
    ["kaotan", "kaotad", "kaotab", "kaotame", "kaotavad"],
    ["kaotasin", "kaotasid", "kaotas", "kaotasime", "kaotasid"],
    ["kaota", "kaotanud"],
    fi::LOSING,
);
pub(in super::super) static HELP: Verb = verb(
    ["help", "helps", "helped"],
    ["aitama", "aidata"],
    ["aitan", "aitad", "aitab", "aitame", "aitavad"],
    ["aitasin", "aitasid", "aitas", "aitasime", "aitasid"],
    ["aita", "aidanud"],
    fi::HELP,
);
pub(in super::super) static GIVE: Verb = verb(
    ["give", "gives", "gave"],
    ["andma", "anda"],
    ["annan", "annad", "annab", "anname", "annavad"],
    ["andsin", "andsid", "andis", "andsime", "andsid"],
    ["anna", "andnud"],
    fi::GIVE,
);
pub(in super::super) static SHOW: Verb = verb(
    ["show", "shows", "showed"],
    ["näitama", "näidata"],
    ["näitan", "näitad", "näitab", "näitame", "näitavad"],
    ["näitasin", "näitasid", "näitas", "näitasime", "näitasid"],
    ["näita", "näidanud"],
    fi::SHOW,
);
pub(in super::super) static PUT: Verb = verb(
    ["put", "puts", "put"],
    ["panema", "panna"],
    ["panen", "paned", "paneb", "paneme", "panevad"],
    ["panin", "panid", "pani", "panime", "panid"],
    ["pane", "pannud"],
    fi::PUT,
);
pub(in super::super) static TAKE: Verb = verb(
    ["take", "takes", "took"],
    ["võtma", "võtta"],
    ["võtan", "võtad", "võtab", "võtame", "võtavad"],
    ["võtsin", "võtsid", "võttis", "võtsime", "võtsid"],
    ["võta", "võtnud"],
    fi::TAKE,
);
pub(in super::super) static TALK: Verb = verb(
    ["talk", "talks", "talked"],
    ["rääkima", "rääkida"],
    ["räägin", "räägid", "räägib", "räägime", "räägivad"],
    ["rääkisin", "rääkisid", "rääkis", "rääkisime", "rääkisid"],
    ["räägi", "rääkinud"],
    fi::TALK,
);
pub(in super::super) static WANT: Verb = verb(
    ["want", "wants", "wanted"],
    ["tahtma", "tahta"],
    ["tahan", "tahad", "tahab", "tahame", "tahavad"],
    ["tahtsin", "tahtsid", "tahtis", "tahtsime", "tahtsid"],
    ["taha", "tahtnud"],
    fi::WANT,
);
pub(in super::super) static CAN: Verb = verb(
    ["can", "can", "could"],
    ["oskama", "osata"],
    ["oskan", "oskad", "oskab", "oskame", "oskavad"],
    ["oskasin", "oskasid", "oskas", "oskasime", "oskasid"],
    ["oska", "osanud"],
    fi::CAN,
);
pub(in super::super) static MUST: Verb = verb(
    ["have", "has", "had"],
    ["pidama", "pidada"],
    ["pean", "pead", "peab", "peame", "peavad"],
    ["pidin", "pidid", "pidi", "pidime", "pidid"],
    ["pea", "pidanud"],
    fi::MUST,
);

/// `sadama`, what rain and snow do: present, past, and what follows `ei` in each.
pub(in super::super) static FALLS: [&str; 4] = ["sajab", "sadas", "saja", "sadanud"];
