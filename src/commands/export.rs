//! `emakeel export`: a model or an adapter in another program's format.

use std::path::{Path, PathBuf};

use candle_core::DType;

use crate::adapter::{Adapter, CONFIG_FILE};
use crate::cli::{ExportArgs, FormatWord, TypeWord};
use crate::commands::scratch::ModelFolder;
use crate::commands::speaker::{folder_name, template_named};
use crate::data::Tokenizer;
use crate::data::template::portable;
use crate::error::{Error, Place, Result};
use crate::export::{self, FileType, Modelfile, Source};
use crate::files;
use crate::model::Config;
use crate::progress::{Progress, short_bytes};
use crate::recipe::ChatTemplate;

/// The files of a folder for Ollama.
const MODEL_FILE: &str = "model.gguf";
const ADAPTER_FILE: &str = "adapter.gguf";

/// Writes what is asked for.
pub fn run(args: &ExportArgs, progress: Progress) -> Result<()> {
    if args.out.exists() {
        return Err(Error::new("what to write is already there")
            .at(args.out.display().to_string())
            .hint("give another name; nothing is overwritten"));
    }
    if let Some(parent) = args.out.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        files::make_folder(parent)?;
    }
    let (model, adapter_folder) = found(args)?;
    let adapter = adapter_folder.as_ref().map(|folder| Adapter::load(folder)).transpose()?;
    let name = folder_name(Path::new(&args.model));
    let source = Source { folder: model.path(), adapter: adapter.as_ref(), name: &name, template: None };
    match args.format {
        FormatWord::Gguf => {
            let template = args.template.as_deref().map(|name| jinja(name, model.path())).transpose()?.flatten();
            let source = Source { template: template.as_deref(), ..source };
            export::write_gguf(&source, &args.out, file_type(args, FileType::F16)?, progress)?;
        }
        FormatWord::GgufLora => {
            let adapter = needed(&adapter)?;
            let config = Config::read(model.path())?;
            export::write_lora(adapter, &config, &args.out, file_type(args, FileType::F32)?)?;
        }
        FormatWord::Hf => {
            let own = Config::read(model.path())?.dtype.unwrap_or(DType::F32);
            export::write_folder(&source, &args.out, dtype(args, own)?, progress)?;
        }
        FormatWord::Peft => {
            dtype(args, DType::F32).and_then(|dtype| match dtype {
                DType::F32 => Ok(()),
                _ => Err(wrong_type(args, "f32: an adapter is small")),
            })?;
            let (adapter, folder) = (needed(&adapter)?, adapter_folder.as_deref());
            adapter.check_shapes(&Config::read(model.path())?)?;
            adapter.save_with(&args.out, |out| copy_card(folder, out))?;
        }
        FormatWord::Ollama => ollama(args, &source, progress)?,
    }
    progress.say(format!("{}  {}", args.out.display(), short_bytes(size_of(&args.out))));
    Ok(())
}

/// The model's folder and the adapter's.
fn found(args: &ExportArgs) -> Result<(ModelFolder, Option<PathBuf>)> {
    let root = Path::new(&args.model);
    if !root.join("recipe.yaml").is_file() || root.join("config.json").is_file() {
        return Ok((ModelFolder::open(&args.model)?, args.adapter.clone()));
    }
    let Some(adapter) = &args.adapter else { return Ok((ModelFolder::of(last_model(root)?), None)) };
    let inside = root.join("adapters").join(adapter);
    let folder = if adapter.is_dir() { adapter.clone() } else { inside };
    if !folder.join(CONFIG_FILE).is_file() {
        let error = Error::new("the run has no finished adapter of that name").at(folder.display().to_string());
        return Err(match folder.join("config.json").is_file() {
            true => error.hint("it is a full tune, which is a model: give its folder as the model"),
            false => error.hint("its adapters are the folders in adapters/"),
        });
    }
    let base = Adapter::load(&folder)?.config.base_model.unwrap_or_default();
    let snapshot = base.split_once('/').map(|(_, inside)| root.join(inside)).filter(|path| path.is_dir());
    let own = Some(root.join("base")).filter(|path| path.join("config.json").is_file());
    let model = match (snapshot, own) {
        (Some(snapshot), _) => ModelFolder::of(snapshot),
        (None, _) if Path::new(&base).is_dir() => ModelFolder::of(base.into()),
        (None, Some(own)) => ModelFolder::of(own),
        (None, None) => {
            return Err(Error::new("the model that the adapter was trained on is not in the run")
                .at(folder.display().to_string())
                .hint(format!("give it as the model, and the adapter's folder with --adapter; it is {base:?}")));
        }
    };
    Ok((model, Some(folder)))
}

/// The last snapshot of a run, or its base.
fn last_model(root: &Path) -> Result<PathBuf> {
    let entries = std::fs::read_dir(root.join("pretrain/snapshots")).into_iter().flatten().flatten();
    let numbered = entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u64>().ok()?, entry.path())));
    let snapshot = numbered.max_by_key(|(tokens, _)| *tokens).map(|(_, path)| path);
    let base = Some(root.join("base")).filter(|path| path.join("config.json").is_file());
    snapshot.or(base).ok_or_else(|| {
        Error::new("the run has no snapshot and no base of its own")
            .at(root.display().to_string())
            .hint("give the model's folder, and an adapter's with --adapter")
    })
}

fn needed(adapter: &Option<Adapter>) -> Result<&Adapter> {
    adapter.as_ref().ok_or_else(|| Error::usage("--adapter is missing").hint("it names the adapter to write"))
}

fn wrong_type(args: &ExportArgs, expected: &str) -> Error {
    let got = args.kind.map(|kind| format!("{kind:?}").to_lowercase()).unwrap_or_default();
    Error::usage("--type").got(got).expected(expected)
}

fn file_type(args: &ExportArgs, otherwise: FileType) -> Result<FileType> {
    match args.kind {
        None => Ok(otherwise),
        Some(TypeWord::F32) => Ok(FileType::F32),
        Some(TypeWord::F16) => Ok(FileType::F16),
        Some(TypeWord::Q8_0) => Ok(FileType::Q8_0),
        Some(TypeWord::Q4KM) => Ok(FileType::Q4KM),
        Some(TypeWord::Bf16) => Err(wrong_type(args, "f32, f16, q8_0 or q4_k_m for GGUF")),
    }
}

fn dtype(args: &ExportArgs, otherwise: DType) -> Result<DType> {
    match args.kind {
        None => Ok(otherwise),
        Some(TypeWord::F32) => Ok(DType::F32),
        Some(TypeWord::F16) => Ok(DType::F16),
        Some(TypeWord::Bf16) => Ok(DType::BF16),
        Some(TypeWord::Q8_0 | TypeWord::Q4KM) => Err(wrong_type(args, "f32, f16 or bf16 for this format")),
    }
}

/// A template's Jinja text.
fn jinja(name: &str, model: &Path) -> Result<Option<String>> {
    portable(&template_named(name)?, &Tokenizer::open(model)?)
}

/// The card of an adapter goes with it.
fn copy_card(from: Option<&Path>, to: &Path) -> Result<()> {
    match from.map(|folder| folder.join("README.md")).filter(|path| path.is_file()) {
        Some(card) => files::write(&to.join("README.md"), files::read(&card)?),
        None => Ok(()),
    }
}

/// A folder that `ollama create NAME -f OUT/Modelfile` reads.
fn ollama(args: &ExportArgs, source: &Source<'_>, progress: Progress) -> Result<()> {
    let tokenizer = Tokenizer::open(source.folder)?;
    let template = match (&args.template, tokenizer.chat_template()?) {
        (Some(name), _) => template_named(name)?,
        (None, Some(_)) => ChatTemplate::Model,
        (None, None) => ChatTemplate::LlammasChat,
    };
    let text = portable(&template, &tokenizer)?;
    let end = tokenizer.named_tokens()?.into_iter().find(|(name, _)| *name == "eos_token").map(|(_, token)| token);
    let partial = files::temporary_beside(&args.out);
    files::remove_folder(&partial)?;
    files::make_folder(&partial)?;
    let plain = Source { adapter: None, template: text.as_deref(), ..*source };
    let config = export::write_gguf(&plain, &partial.join(MODEL_FILE), file_type(args, FileType::F16)?, progress)?;
    if let Some(adapter) = source.adapter {
        export::write_lora(adapter, &config, &partial.join(ADAPTER_FILE), FileType::F32)?;
    }
    let parts = Modelfile {
        model: MODEL_FILE,
        adapter: source.adapter.map(|_| ADAPTER_FILE),
        template: &template,
        end: end.as_deref().unwrap_or("</s>"),
    };
    files::write(&partial.join("Modelfile"), export::modelfile(&parts)?).at("Modelfile")?;
    files::rename_folder(&partial, &args.out)
}

/// The size of a file, or of the files in a folder.
fn size_of(path: &Path) -> u64 {
    let length = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    match path.is_dir() {
        false => length(path),
        true => std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| length(&entry.path())).sum(),
    }
}
