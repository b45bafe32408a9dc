//! What people are, have, like and want.

use super::*;

pub(super) fn all() -> Checked {
    [homes_and_jobs(), belongings_and_likes(), ages_and_feelings(), wishes_and_duties()].concat()
}

fn homes_and_jobs() -> Checked {
    let now = Sentence::present;
    let then = Sentence::past;
    vec![
        (now(Live(who("Mari"), place("in Tartu"))), "Mari lives in Tartu.", "Mari elab Tartus.", "Mari asuu Tartossa."),
        (
            then(Live(who("I"), place("on Saaremaa"))),
            "I lived on Saaremaa.",
            "Ma elasin Saaremaal.",
            "Minä asuin Saarenmaalla.",
        ),
        (
            then(Live(who("Anna+Mart"), place("in Narva"))).not(),
            "Anna and Mart did not live in Narva.",
            "Anna ja Mart ei elanud Narvas.",
            "Anna ja Mart eivät asuneet Narvassa.",
        ),
        (now(Job(who("Peeter"), JOBS[5])), "Peeter is an artist.", "Peeter on kunstnik.", "Peeter on taiteilija."),
        (now(Job(who("we"), JOBS[0])), "We are teachers.", "Me oleme õpetajad.", "Me olemme opettajia."),
        (now(Job(who("you"), JOBS[2])).not(), "You are not a cook.", "Sa ei ole kokk.", "Sinä et ole kokki."),
        (
            now(Become(who("Liis"), JOBS[1])),
            "Liis wants to become a doctor.",
            "Liis tahab saada arstiks.",
            "Liis haluaa tulla lääkäriksi.",
        ),
    ]
}

fn belongings_and_likes() -> Checked {
    let now = Sentence::present;
    let then = Sentence::past;
    vec![
        (
            now(Have(who("Toomas"), things("a black cat"))),
            "Toomas has a black cat.",
            "Toomasel on must kass.",
            "Toomaksella on musta kissa.",
        ),
        (
            then(Have(who("Kati+Tiit"), things("3 white bird"))),
            "Kati and Tiit had three white birds.",
            "Katil ja Tiidul oli kolm valget lindu.",
            "Katilla ja Tiitillä oli kolme valkoista lintua.",
        ),
        (
            now(Have(who("I"), things("a dog"))).not(),
            "I do not have a dog.",
            "Mul ei ole koera.",
            "Minulla ei ole koiraa.",
        ),
        (
            now(LikeThings(who("Jaan"), things("some apple"))),
            "Jaan likes apples.",
            "Jaanile meeldivad õunad.",
            "Jaan pitää omenoista.",
        ),
        (
            then(LikeThings(who("you"), things("some fish"))),
            "You liked fish.",
            "Sulle meeldis kala.",
            "Sinä pidit kalasta.",
        ),
        (
            now(LikeThings(who("Leena"), things("some dog"))).not(),
            "Leena does not like dogs.",
            "Leenale ei meeldi koerad.",
            "Leena ei pidä koirista.",
        ),
        (now(LikeDoing(who("we"), verb("swim"))), "We like to swim.", "Meile meeldib ujuda.", "Me pidämme uimisesta."),
    ]
}

fn ages_and_feelings() -> Checked {
    let now = Sentence::present;
    let then = Sentence::past;
    vec![
        (
            now(Age(who("Tiina"), 1)),
            "Tiina is thirty years old.",
            "Tiina on kolmkümmend aastat vana.",
            "Tiina on kolmekymmentävuotias.",
        ),
        (
            now(Older(person("Mart"), person("Jüri"), true)),
            "Mart is older than Jüri.",
            "Mart on vanem kui Jüri.",
            "Mart on vanhempi kuin Jüri.",
        ),
        (
            now(Older(person("Mart"), person("Jüri"), false)),
            "Mart is younger than Jüri.",
            "Mart on noorem kui Jüri.",
            "Mart on nuorempi kuin Jüri.",
        ),
        (then(Feel(who("Mari"), &SAD)), "Mari was sad.", "Mari oli kurb.", "Mari oli surullinen."),
        (
            now(Feel(who("Mari+Jaan"), &HAPPY)),
            "Mari and Jaan are happy.",
            "Mari ja Jaan on rõõmsad.",
            "Mari ja Jaan ovat iloisia.",
        ),
        (
            then(Feel(who("we"), &TIRED)).not(),
            "We were not tired.",
            "Me ei olnud väsinud.",
            "Me emme olleet väsyneitä.",
        ),
    ]
}

fn wishes_and_duties() -> Checked {
    let now = Sentence::present;
    let then = Sentence::past;
    vec![
        (
            now(Can(who("Mari"), Modal::Want, verb("run"))),
            "Mari wants to run.",
            "Mari tahab joosta.",
            "Mari haluaa juosta.",
        ),
        (now(Can(who("I"), Modal::Can, verb("sing"))), "I can sing.", "Ma oskan laulda.", "Minä osaan laulaa."),
        (
            then(Can(who("Kati"), Modal::Can, verb("read"))).not(),
            "Kati could not read.",
            "Kati ei osanud lugeda.",
            "Kati ei osannut lukea.",
        ),
        (
            now(Can(who("Jüri"), Modal::Must, verb("work"))),
            "Jüri has to work.",
            "Jüri peab töötama.",
            "Jürin täytyy työskennellä.",
        ),
        (
            now(Can(who("Jüri"), Modal::Must, verb("work"))).not(),
            "Jüri does not have to work.",
            "Jüri ei pea töötama.",
            "Jürin ei tarvitse työskennellä.",
        ),
        (
            now(CanAct(who("Anna"), Modal::Want, &BUY, things("a new car"))),
            "Anna wants to buy a new car.",
            "Anna tahab uue auto osta.",
            "Anna haluaa ostaa uuden auton.",
        ),
        (
            then(CanAct(who("we"), Modal::Must, &READ, things("a book"))).not(),
            "We did not have to read a book.",
            "Me ei pidanud raamatut lugema.",
            "Meidän ei tarvinnut lukea kirjaa.",
        ),
        (
            now(CanAct(who("you"), Modal::Want, &EAT, things("some soup"))),
            "You want to eat soup.",
            "Sa tahad suppi süüa.",
            "Sinä haluat syödä keittoa.",
        ),
    ]
}
