//! Codes of languages and names of licences, as the Hub knows them.

use crate::recipe::language_named;

/// Two letters for three, where there are two.
///
/// # Source  ISO 639-1 and 639-3
const CODES: &str = "aka=ak epo=eo eng=en rus=ru cmn=zh spa=es por=pt ita=it ben=bn fra=fr deu=de ukr=uk kat=ka ara=ar hin=hi \
    jpn=ja heb=he yid=yi pol=pl amh=am jav=jv kor=ko nob=no dan=da swe=sv fin=fi tur=tr nld=nl hun=hu ces=cs ell=el \
    bul=bg bel=be mar=mr kan=kn ron=ro slv=sl hrv=hr srp=sr mkd=mk lit=lt lav=lv est=et tam=ta vie=vi urd=ur tha=th \
    guj=gu uzb=uz pan=pa aze=az ind=id tel=te pes=fa mal=ml ori=or mya=my nep=ne sin=si khm=km tuk=tk zul=zu sna=sn \
    afr=af lat=la slk=sk cat=ca tgl=tl hye=hy cym=cy";

/// The code of a language by its English name.
pub fn code(language: &str) -> Option<String> {
    let code = language_named(language)?.code();
    let short = CODES.split_whitespace().find_map(|pair| pair.strip_prefix(code)?.strip_prefix('='));
    Some(short.unwrap_or(code).to_owned())
}

/// Licences by the words that the Hub has for them.
///
/// # Source  huggingface.co/docs/hub/repositories-licenses
const LICENSES: &str = "apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0 \
    bigcode-openrail-m afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 \
    cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 \
    cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 \
    cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 \
    gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc lppl-1.3c ms-pl apple-ascl mpl-2.0 odc-by odbl \
    openmdw-1.0 osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl lgpl-lr deepfloyd-if-license llama2 llama3 \
    llama3.1 llama3.2 llama3.3 llama4 gemma unknown other";

/// Whether the Hub knows a licence of that name.
pub fn is_license(name: &str) -> bool {
    LICENSES.split_whitespace().any(|known| known == name)
}

/// The licence of a well-known base.
pub fn license_of(base: &str) -> Option<&'static str> {
    let name = base.to_ascii_lowercase();
    let known = [
        ("meta-llama/llama-2", "llama2"),
        ("meta-llama/llama-3.1", "llama3.1"),
        ("meta-llama/meta-llama-3.1", "llama3.1"),
        ("meta-llama/llama-3.2", "llama3.2"),
        ("meta-llama/llama-3.3", "llama3.3"),
        ("meta-llama/meta-llama-3-", "llama3"),
        ("tinyllama/", "apache-2.0"),
        ("tartunlp/llammas", "llama2"),
        ("openlm-research/open_llama", "apache-2.0"),
    ];
    known.iter().find(|(beginning, _)| name.starts_with(beginning)).map(|(_, license)| *license)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_a_code() {
        assert_eq!(code("Estonian").as_deref(), Some("et"));
        assert_eq!(code("English").as_deref(), Some("en"));
        let names = crate::recipe::told_languages();
        let long: Vec<&str> = names.iter().filter(|name| code(name).unwrap().len() != 2).copied().collect();
        assert!(long.is_empty(), "{long:?}");
        assert_eq!(code("Võro"), None);
        assert!(is_license("apache-2.0") && is_license("llama2") && !is_license("Apache 2"));
        assert_eq!(license_of("meta-llama/Llama-2-7b-hf"), Some("llama2"));
    }
}
