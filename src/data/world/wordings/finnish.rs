//! How instructions are worded in Finnish.

use super::Task;

/// The wordings of a task.
pub(super) fn wordings(task: Task) -> &'static [&'static str] {
    match task {
        Task::Answer => &[
            "Vastaa kysymykseen tekstin perusteella.",
            "Lue teksti ja vastaa kysymykseen.",
            "Etsi tekstistä vastaus kysymykseen.",
        ],
        Task::Cause => &[
            "Valitse todennäköisempi syy.",
            "Kumpi lause on syy? Vastaa lauseella.",
            "Miksi niin oli? Valitse yksi lause.",
        ],
        Task::Effect => &[
            "Valitse todennäköisempi seuraus.",
            "Kumpi lause on seuraus? Vastaa lauseella.",
            "Mitä sen jälkeen tapahtui? Valitse yksi lause.",
        ],
        Task::Correct => &["Korjaa lause.", "Jos lauseessa on virhe, korjaa se.", "Kirjoita lause oikein."],
        Task::Past => &["Muuta lause imperfektiin.", "Kirjoita lause imperfektissä."],
        Task::Present => &["Muuta lause preesensiin.", "Kirjoita lause preesensissä."],
        Task::Deny => &["Muuta lause kielteiseksi.", "Sano, että asia ei ole niin."],
        Task::Repeat => &["Toista lause.", "Kirjoita sama lause uudestaan."],
        Task::Question => &["Muuta lause kysymykseksi.", "Kysy, onko asia niin."],
        Task::Truth => &["Onko väite tekstin mukaan oikein? Vastaa kyllä tai ei."],
        Task::Count => &["Montako sanaa luettelossa on?", "Laske sanat."],
        Task::Continue => &["Jatka tekstiä.", "Miten teksti jatkuu?"],
        Task::Plural => &["Kirjoita monikossa.", "Muuta monikkoon."],
        Task::Genitive => &["Kirjoita genetiivissä.", "Muuta genetiiviin."],
        Task::Partitive => &["Kirjoita partitiivissa.", "Muuta partitiiviin."],
        Task::PartitivePlural => &["Kirjoita monikon partitiivissa.", "Muuta monikon partitiiviin."],
        Task::PastVerb => &["Kirjoita verbi imperfektissä.", "Muuta verbi imperfektiin."],
        Task::DaInfinitive => &["Kirjoita verbin perusmuoto.", "Mikä on tämän verbin perusmuoto?"],
        Task::Comitative => &[],
    }
}
