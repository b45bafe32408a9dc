//! Towns, places to go to, and what things lie on, in or under.

use super::{Agreement, Place};

const fn place(en: [&'static str; 3], et: [&'static str; 3], fi: [&'static str; 3]) -> Place {
    Place { en, et, fi, agreement: Agreement::None }
}

const fn inside(en: [&'static str; 3], et: [&'static str; 3], fi: [&'static str; 3]) -> Place {
    Place { en, et, fi, agreement: Agreement::Inside }
}

const fn surface(en: [&'static str; 3], et: [&'static str; 3], fi: [&'static str; 3]) -> Place {
    Place { en, et, fi, agreement: Agreement::Surface }
}

/// Towns and islands.
pub(in super::super) static TOWNS: [&Place; 10] = [
    &place(
        ["in Tallinn", "to Tallinn", "from Tallinn"],
        ["Tallinnas", "Tallinna", "Tallinnast"],
        ["Tallinnassa", "Tallinnaan", "Tallinnasta"],
    ),
    &place(
        ["in Tartu", "to Tartu", "from Tartu"],
        ["Tartus", "Tartusse", "Tartust"],
        ["Tartossa", "Tarttoon", "Tartosta"],
    ),
    &place(
        ["in Pärnu", "to Pärnu", "from Pärnu"],
        ["Pärnus", "Pärnusse", "Pärnust"],
        ["Pärnussa", "Pärnuun", "Pärnusta"],
    ),
    &place(["in Narva", "to Narva", "from Narva"], ["Narvas", "Narva", "Narvast"], ["Narvassa", "Narvaan", "Narvasta"]),
    &place(
        ["in Viljandi", "to Viljandi", "from Viljandi"],
        ["Viljandis", "Viljandisse", "Viljandist"],
        ["Viljandissa", "Viljandiin", "Viljandista"],
    ),
    &place(
        ["in Rakvere", "to Rakvere", "from Rakvere"],
        ["Rakveres", "Rakverre", "Rakverest"],
        ["Rakveressa", "Rakvereen", "Rakveresta"],
    ),
    &place(["in Võru", "to Võru", "from Võru"], ["Võrus", "Võrru", "Võrust"], ["Võrussa", "Võruun", "Võrusta"]),
    &place(
        ["in Haapsalu", "to Haapsalu", "from Haapsalu"],
        ["Haapsalus", "Haapsallu", "Haapsalust"],
        ["Haapsalussa", "Haapsaluun", "Haapsalusta"],
    ),
    &place(
        ["on Saaremaa", "to Saaremaa", "from Saaremaa"],
        ["Saaremaal", "Saaremaale", "Saaremaalt"],
        ["Saarenmaalla", "Saarenmaalle", "Saarenmaalta"],
    ),
    &place(
        ["on Hiiumaa", "to Hiiumaa", "from Hiiumaa"],
        ["Hiiumaal", "Hiiumaale", "Hiiumaalt"],
        ["Hiidenmaalla", "Hiidenmaalle", "Hiidenmaalta"],
    ),
];
/// How many of [`TOWNS`], from the end, are islands.
pub(in super::super) const ISLANDS: usize = 2;

pub(in super::super) static HOME: Place =
    place(["at home", "home", "from home"], ["kodus", "koju", "kodust"], ["kotona", "kotiin", "kotoa"]);
pub(in super::super) static WORK: Place =
    place(["at work", "to work", "from work"], ["tööl", "tööle", "töölt"], ["töissä", "töihin", "töistä"]);
pub(in super::super) static SCHOOL: Place = place(
    ["at school", "to school", "from school"],
    ["koolis", "kooli", "koolist"],
    ["koulussa", "kouluun", "koulusta"],
);
pub(in super::super) static SHOP: Place = place(
    ["in the shop", "to the shop", "from the shop"],
    ["poes", "poodi", "poest"],
    ["kaupassa", "kauppaan", "kaupasta"],
);
pub(in super::super) static MARKET: Place = place(
    ["at the market", "to the market", "from the market"],
    ["turul", "turule", "turult"],
    ["torilla", "torille", "torilta"],
);
pub(in super::super) static FOREST: Place = place(
    ["in the forest", "to the forest", "from the forest"],
    ["metsas", "metsa", "metsast"],
    ["metsässä", "metsään", "metsästä"],
);
pub(in super::super) static GARDEN: Place = place(
    ["in the garden", "to the garden", "from the garden"],
    ["aias", "aeda", "aiast"],
    ["puutarhassa", "puutarhaan", "puutarhasta"],
);
pub(in super::super) static YARD: Place =
    place(["in the yard", "to the yard", "from the yard"], ["õues", "õue", "õuest"], ["pihalla", "pihalle", "pihalta"]);
pub(in super::super) static PARK: Place = place(
    ["in the park", "to the park", "from the park"],
    ["pargis", "parki", "pargist"],
    ["puistossa", "puistoon", "puistosta"],
);
pub(in super::super) static BEACH: Place = place(
    ["on the beach", "to the beach", "from the beach"],
    ["rannas", "randa", "rannast"],
    ["rannalla", "rannalle", "rannalta"],
);
pub(in super::super) static KITCHEN: Place = place(
    ["in the kitchen", "to the kitchen", "from the kitchen"],
    ["köögis", "kööki", "köögist"],
    ["keittiössä", "keittiöön", "keittiöstä"],
);
pub(in super::super) static LIBRARY: Place = place(
    ["in the library", "to the library", "from the library"],
    ["raamatukogus", "raamatukokku", "raamatukogust"],
    ["kirjastossa", "kirjastoon", "kirjastosta"],
);
pub(in super::super) static CAFE: Place = place(
    ["in the cafe", "to the cafe", "from the cafe"],
    ["kohvikus", "kohvikusse", "kohvikust"],
    ["kahvilassa", "kahvilaan", "kahvilasta"],
);
pub(in super::super) static HOSPITAL: Place = place(
    ["at the hospital", "to the hospital", "from the hospital"],
    ["haiglas", "haiglasse", "haiglast"],
    ["sairaalassa", "sairaalaan", "sairaalasta"],
);
pub(in super::super) static SEA: Place = place(
    ["in the sea", "into the sea", "out of the sea"],
    ["meres", "merre", "merest"],
    ["meressä", "mereen", "merestä"],
);

/// Places to go to.
pub(in super::super) static PLACES: [&Place; 15] = [
    &HOME, &WORK, &SCHOOL, &SHOP, &MARKET, &FOREST, &GARDEN, &YARD, &PARK, &BEACH, &SEA, &KITCHEN, &LIBRARY, &CAFE,
    &HOSPITAL,
];
/// Places to rest and to have a good time at.
pub(in super::super) static LEISURE: [&Place; 7] = [&HOME, &GARDEN, &YARD, &PARK, &BEACH, &KITCHEN, &FOREST];
/// Places to run about at.
pub(in super::super) static OUTDOORS: [&Place; 5] = [&FOREST, &GARDEN, &YARD, &PARK, &BEACH];
/// Places to work at.
pub(in super::super) static WORKPLACES: [&Place; 8] =
    [&HOME, &SCHOOL, &SHOP, &MARKET, &GARDEN, &LIBRARY, &CAFE, &HOSPITAL];
/// Places to buy things at.
pub(in super::super) static SHOPS: [&Place; 2] = [&SHOP, &MARKET];
/// Places to eat and drink at.
pub(in super::super) static TABLES: [&Place; 5] = [&HOME, &KITCHEN, &CAFE, &GARDEN, &WORK];
/// Places to read at.
pub(in super::super) static QUIET: [&Place; 5] = [&HOME, &LIBRARY, &GARDEN, &PARK, &CAFE];

pub(in super::super) static CUPBOARD: Place = inside(
    ["in the cupboard", "in the cupboard", "from the cupboard"],
    ["kapis", "kappi", "kapist"],
    ["kaapissa", "kaappiin", "kaapista"],
);

/// Where things lie, and cats too.
pub(in super::super) static SPOTS: [&Place; 9] = [
    &surface(
        ["on the table", "on the table", "from the table"],
        ["laual", "lauale", "laualt"],
        ["pöydällä", "pöydälle", "pöydältä"],
    ),
    &surface(
        ["on the chair", "on the chair", "from the chair"],
        ["toolil", "toolile", "toolilt"],
        ["tuolilla", "tuolille", "tuolilta"],
    ),
    &surface(
        ["on the shelf", "on the shelf", "from the shelf"],
        ["riiulil", "riiulile", "riiulilt"],
        ["hyllyllä", "hyllylle", "hyllyltä"],
    ),
    &place(
        ["on the floor", "on the floor", "from the floor"],
        ["põrandal", "põrandale", "põrandalt"],
        ["lattialla", "lattialle", "lattialta"],
    ),
    &inside(
        ["in the box", "in the box", "from the box"],
        ["kastis", "kasti", "kastist"],
        ["laatikossa", "laatikkoon", "laatikosta"],
    ),
    &inside(
        ["in the bag", "in the bag", "from the bag"],
        ["kotis", "kotti", "kotist"],
        ["laukussa", "laukkuun", "laukusta"],
    ),
    &inside(
        ["in the basket", "in the basket", "from the basket"],
        ["korvis", "korvi", "korvist"],
        ["korissa", "koriin", "korista"],
    ),
    &place(
        ["under the table", "under the table", "from under the table"],
        ["laua all", "laua alla", "laua alt"],
        ["pöydän alla", "pöydän alle", "pöydän alta"],
    ),
    &place(
        ["under the bed", "under the bed", "from under the bed"],
        ["voodi all", "voodi alla", "voodi alt"],
        ["sängyn alla", "sängyn alle", "sängyn alta"],
    ),
];
