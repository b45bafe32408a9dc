//! Things in their places, what they look like, and the weather.

use super::*;

pub(super) fn all() -> Checked {
    [what_is_where(), looks_and_weather()].concat()
}

fn what_is_where() -> Checked {
    let now = Sentence::present;
    let then = Sentence::past;
    vec![
        (
            now(Exist(things("a red ball"), place("on the table"), None)),
            "There is a red ball on the table.",
            "Laual on punane pall.",
            "Pöydällä on punainen pallo.",
        ),
        (
            then(Exist(things("3 small cake"), place("in the box"), Some(adjective("green")))),
            "There were three small cakes in the green box.",
            "Rohelises kastis oli kolm väikest kooki.",
            "Vihreässä laatikossa oli kolme pientä kakkua.",
        ),
        (
            now(Exist(things("a potato"), place("in the basket"), None)).not(),
            "There is no potato in the basket.",
            "Korvis ei ole kartulit.",
            "Korissa ei ole perunaa.",
        ),
        (
            now(Exist(things("some milk"), &CUPBOARD, None)),
            "There is milk in the cupboard.",
            "Kapis on piima.",
            "Kaapissa on maitoa.",
        ),
        (
            then(Exist(things("some cheese"), &CUPBOARD, None)).not(),
            "There was no cheese in the cupboard.",
            "Kapis ei olnud juustu.",
            "Kaapissa ei ollut juustoa.",
        ),
        (
            now(At(things("the key"), place("on the shelf"), Some(adjective("big")))),
            "The key is on the big shelf.",
            "Võti on suurel riiulil.",
            "Avain on isolla hyllyllä.",
        ),
        (
            now(At(things("the some book"), place("on the floor"), None)).not(),
            "The books are not on the floor.",
            "Raamatud ei ole põrandal.",
            "Kirjat eivät ole lattialla.",
        ),
    ]
}

fn looks_and_weather() -> Checked {
    let now = Sentence::present;
    let then = Sentence::past;
    vec![
        (
            now(Be(things("the horse"), adjective("brown"))),
            "The horse is brown.",
            "Hobune on pruun.",
            "Hevonen on ruskea.",
        ),
        (
            then(Be(things("the some flower"), adjective("blue"))),
            "The flowers were blue.",
            "Lilled olid sinised.",
            "Kukat olivat sinisiä.",
        ),
        (
            now(Be(things("Liis's bag"), adjective("black"))).not(),
            "Liis's bag is not black.",
            "Liisi kott ei ole must.",
            "Liisin laukku ei ole musta.",
        ),
        (
            now(Be(things("my chair"), adjective("old"))),
            "My chair is old.",
            "Mu tool on vana.",
            "Minun tuolini on vanha.",
        ),
        (
            now(Be(things("our car"), adjective("new"))),
            "Our car is new.",
            "Meie auto on uus.",
            "Meidän automme on uusi.",
        ),
        (
            now(Be(things("your cat"), adjective("white"))),
            "Your cat is white.",
            "Su kass on valge.",
            "Sinun kissasi on valkoinen.",
        ),
        (now(Weather(Sky::Rain)), "It is raining outside.", "Väljas sajab vihma.", "Ulkona sataa vettä."),
        (
            then(Weather(Sky::Snow)).not(),
            "It was not snowing outside.",
            "Väljas ei sadanud lund.",
            "Ulkona ei satanut lunta.",
        ),
        (then(Weather(Sky::Cold)), "It was cold outside.", "Väljas oli külm.", "Ulkona oli kylmä."),
        (now(Weather(Sky::Warm)).not(), "It is not warm outside.", "Väljas ei ole soe.", "Ulkona ei ole lämmin."),
    ]
}
