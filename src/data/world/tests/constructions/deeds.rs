//! What people do: with things, with each other, from place to place.

use super::*;

pub(super) fn all() -> Checked {
    let things = [seeing_and_waiting(), eating_and_buying(), finding_and_putting()].concat();
    [doing(), things, with_each_other(), from_place_to_place()].concat()
}

fn doing() -> Checked {
    let now = Sentence::present;
    let then = Sentence::past;
    vec![
        (now(Do(who("Tiit"), verb("sleep"), None)), "Tiit sleeps.", "Tiit magab.", "Tiit nukkuu."),
        (
            then(Do(who("Tiit+Leena"), verb("sing"), Some(&GARDEN))),
            "Tiit and Leena sang in the garden.",
            "Tiit ja Leena laulsid aias.",
            "Tiit ja Leena lauloivat puutarhassa.",
        ),
        (
            then(Do(who("Liis"), verb("run"), Some(&FOREST))).at(time("yesterday")),
            "Yesterday Liis ran in the forest.",
            "Eile jooksis Liis metsas.",
            "Eilen Liis juoksi metsässä.",
        ),
        (
            now(Do(who("Liis"), verb("work"), Some(&HOSPITAL))).not().at(time("today")),
            "Today Liis does not work at the hospital.",
            "Täna Liis ei tööta haiglas.",
            "Tänään Liis ei työskentele sairaalassa.",
        ),
        (
            now(Do(Who::Thing(things("Mari's dog")), verb("play"), Some(&YARD))),
            "Mari's dog plays in the yard.",
            "Mari koer mängib õues.",
            "Marin koira leikkii pihalla.",
        ),
    ]
}

fn seeing_and_waiting() -> Checked {
    let now = Sentence::present;
    let then = Sentence::past;
    vec![
        (
            now(Act(who("Mari"), &SEE, things("a dog"), Some(&PARK))),
            "Mari sees a dog in the park.",
            "Mari näeb pargis koera.",
            "Mari näkee puistossa koiran.",
        ),
        (
            then(Act(who("I"), &SEE, things("2 old horse"), None)),
            "I saw two old horses.",
            "Ma nägin kahte vana hobust.",
            "Minä näin kaksi vanhaa hevosta.",
        ),
        (
            now(Act(who("Jaan"), &WAIT_FOR, things("a letter"), None)),
            "Jaan waits for a letter.",
            "Jaan ootab kirja.",
            "Jaan odottaa kirjettä.",
        ),
        (
            then(Act(who("we"), &LOOK_FOR, things("a key"), None)),
            "We looked for a key.",
            "Me otsisime võtit.",
            "Me etsimme avainta.",
        ),
        (
            now(Act(who("Kati"), &LOOK_AT, things("the picture"), None)),
            "Kati looks at the picture.",
            "Kati vaatab pilti.",
            "Kati katsoo kuvaa.",
        ),
        (
            now(Act(who("you"), &FEAR, things("some cow"), None)),
            "You are afraid of cows.",
            "Sa kardad lehmi.",
            "Sinä pelkäät lehmiä.",
        ),
        (
            then(Act(who("Mart"), &FEAR, things("some pig"), None)).not(),
            "Mart was not afraid of pigs.",
            "Mart ei kartnud sigu.",
            "Mart ei pelännyt sikoja.",
        ),
        (
            now(Act(who("Peeter"), &READ, things("a small letter"), Some(&LIBRARY))),
            "Peeter reads a small letter in the library.",
            "Peeter loeb raamatukogus väikest kirja.",
            "Peeter lukee kirjastossa pientä kirjettä.",
        ),
    ]
}

fn eating_and_buying() -> Checked {
    let now = Sentence::present;
    let then = Sentence::past;
    vec![
        (
            then(Act(who("Mari"), &EAT, things("a pear"), None)),
            "Mari ate a pear.",
            "Mari sõi pirni.",
            "Mari söi päärynän.",
        ),
        (
            then(Act(who("Mari"), &EAT, things("4 big egg"), None)),
            "Mari ate four big eggs.",
            "Mari sõi neli suurt muna.",
            "Mari söi neljä isoa munaa.",
        ),
        (
            now(Act(who("Anna+Jüri"), &DRINK, things("some water"), Some(&HOME))),
            "Anna and Jüri drink water at home.",
            "Anna ja Jüri joovad kodus vett.",
            "Anna ja Jüri juovat kotona vettä.",
        ),
        (
            then(Act(who("Toomas"), &BUY, things("a yellow bicycle"), Some(&MARKET))),
            "Toomas bought a yellow bicycle from the market.",
            "Toomas ostis turult kollase jalgratta.",
            "Toomas osti torilta keltaisen polkupyörän.",
        ),
        (
            then(Act(who("Toomas"), &BUY, things("a yellow bicycle"), None)).not(),
            "Toomas did not buy a yellow bicycle.",
            "Toomas ei ostnud kollast jalgratast.",
            "Toomas ei ostanut keltaista polkupyörää.",
        ),
        (
            then(Act(who("Leena"), &BUY, things("5 red apple"), Some(&SHOP))).at(time("on Friday")),
            "On Friday Leena bought five red apples from the shop.",
            "Reedel ostis Leena poest viis punast õuna.",
            "Perjantaina Leena osti kaupasta viisi punaista omenaa.",
        ),
        (
            now(Act(who("we"), &BUY, things("some bread"), None)),
            "We buy bread.",
            "Me ostame leiba.",
            "Me ostamme leipää.",
        ),
        (
            then(Act(who("Tiina"), &SELL, things("a table"), None)),
            "Tiina sold a table.",
            "Tiina müüs laua.",
            "Tiina myi pöydän.",
        ),
    ]
}

fn finding_and_putting() -> Checked {
    let now = Sentence::present;
    let then = Sentence::past;
    vec![
        (
            then(Act(who("Tiit"), &FIND, things("Jaan's key"), Some(&GARDEN))),
            "Tiit found Jaan's key in the garden.",
            "Tiit leidis aiast Jaani võtme.",
            "Tiit löysi puutarhasta Jaanin avaimen.",
        ),
        (
            then(Act(who("Tiit"), &FIND, things("own hat"), None)),
            "Tiit found his hat.",
            "Tiit leidis oma mütsi.",
            "Tiit löysi hattunsa.",
        ),
        (
            then(Act(who("Kati"), &LOSE, things("a beautiful dress"), None)),
            "Kati lost a beautiful dress.",
            "Kati kaotas ilusa kleidi.",
            "Kati kadotti kauniin mekon.",
        ),
        (
            then(Put(who("Jaan"), things("the white cup"), place("on the table"))),
            "Jaan put the white cup on the table.",
            "Jaan pani valge tassi lauale.",
            "Jaan laittoi valkoisen kupin pöydälle.",
        ),
        (
            now(Put(who("we"), things("the some letter"), place("in the box"))).not(),
            "We do not put the letters in the box.",
            "Me ei pane kirju kasti.",
            "Me emme laita kirjeitä laatikkoon.",
        ),
        (
            then(Take(who("Anna"), things("the carrot"), place("under the bed"))),
            "Anna took the carrot from under the bed.",
            "Anna võttis porgandi voodi alt.",
            "Anna otti porkkanan sängyn alta.",
        ),
    ]
}

fn with_each_other() -> Checked {
    let now = Sentence::present;
    let then = Sentence::past;
    vec![
        (then(Help(who("Jaan"), who("Peeter"))), "Jaan helped Peeter.", "Jaan aitas Peetrit.", "Jaan auttoi Peeteriä."),
        (now(Help(who("I"), who("you"))).not(), "I do not help you.", "Ma ei aita sind.", "Minä en auta sinua."),
        (
            then(Give(who("Mari"), things("a ball"), who("Tiit"))),
            "Mari gave Tiit a ball.",
            "Mari andis Tiidule palli.",
            "Mari antoi Tiitille pallon.",
        ),
        (
            then(Give(who("Mari"), things("the some ball"), who("Tiit"))),
            "Mari gave the balls to Tiit.",
            "Mari andis pallid Tiidule.",
            "Mari antoi pallot Tiitille.",
        ),
        (
            then(Give(who("Mari"), things("some book"), who("I"))),
            "Mari gave me books.",
            "Mari andis mulle raamatuid.",
            "Mari antoi minulle kirjoja.",
        ),
        (
            now(Give(who("Mart"), things("a flower"), who("we"))).not(),
            "Mart does not give us a flower.",
            "Mart ei anna meile lille.",
            "Mart ei anna meille kukkaa.",
        ),
        (
            now(Show(who("Leena"), things("a clock"), who("Kati"))),
            "Leena shows Kati a clock.",
            "Leena näitab Katile kella.",
            "Leena näyttää Katille kellon.",
        ),
        (
            now(With(who("Toomas"), verb("talk"), who("I"))),
            "Toomas talks with me.",
            "Toomas räägib minuga.",
            "Toomas puhuu minun kanssani.",
        ),
        (
            then(With(who("Kati"), verb("play"), Who::Thing(things("the hare")))),
            "Kati played with the hare.",
            "Kati mängis jänesega.",
            "Kati leikki jäniksen kanssa.",
        ),
    ]
}

fn from_place_to_place() -> Checked {
    let now = Sentence::present;
    let then = Sentence::past;
    vec![
        (then(Go(who("Mari"), &SCHOOL)), "Mari went to school.", "Mari läks kooli.", "Mari meni kouluun."),
        (now(Go(who("Mari"), &HOME)).not(), "Mari does not go home.", "Mari ei lähe koju.", "Mari ei mene kotiin."),
        (
            now(Go(who("we"), place("in Haapsalu"))),
            "We go to Haapsalu.",
            "Me läheme Haapsallu.",
            "Me menemme Haapsaluun.",
        ),
        (
            then(Come(who("Liis"), &KITCHEN)).not(),
            "Liis did not come from the kitchen.",
            "Liis ei tulnud köögist.",
            "Liis ei tullut keittiöstä.",
        ),
        (
            now(Come(who("you"), place("on Hiiumaa"))),
            "You come from Hiiumaa.",
            "Sa tuled Hiiumaalt.",
            "Sinä tulet Hiidenmaalta.",
        ),
        (
            then(Travel(who("Anna"), noun("train"), place("in Tartu"))).at(time("in the evening")),
            "In the evening Anna travelled to Tartu by train.",
            "Õhtul sõitis Anna rongiga Tartusse.",
            "Illalla Anna matkusti junalla Tarttoon.",
        ),
        (
            now(Outing(who("Jüri"), outing("swimming"))),
            "Jüri goes swimming.",
            "Jüri läheb ujuma.",
            "Jüri menee uimaan.",
        ),
    ]
}
