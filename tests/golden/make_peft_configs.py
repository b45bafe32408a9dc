"""Writes `peft_configs.json`: what `adapter_config.json` is in several releases of PEFT, for the same small adapters.

    python make_peft_configs.py 0.4.0=FOLDER 0.21.2=FOLDER ...

Each folder is one that `pip install --no-deps --target FOLDER peft==VERSION` filled. A release that is older than the
installed transformers may not import as a whole, so only the modules that hold its configs are loaded.
"""

import json
import subprocess
import sys
from pathlib import Path

INNER = r"""
import importlib, importlib.util, json, sys, types, tempfile, pathlib
root = pathlib.Path(sys.argv[1]) / "peft"
try:
    import peft
    Lora, Ia3, version = peft.LoraConfig, peft.IA3Config, peft.__version__
except Exception:
    # Packages without their __init__, so that nothing but the configs is imported.
    for name in ["peft", "peft.utils", "peft.tuners", "peft.tuners.lora", "peft.tuners.ia3"]:
        folder = root.joinpath(*name.split(".")[1:])
        if folder.is_dir():
            sys.modules[name] = types.ModuleType(name)
            sys.modules[name].__path__ = [str(folder)]
    kinds = importlib.import_module("peft.utils.peft_types" if (root / "utils/peft_types.py").exists() else "peft.utils.config")
    sys.modules["peft.utils"].PeftType, sys.modules["peft.utils"].TaskType = kinds.PeftType, kinds.TaskType
    Lora = importlib.import_module("peft.tuners.lora.config").LoraConfig
    Ia3 = importlib.import_module("peft.tuners.ia3.config").IA3Config
def saved(config):
    with tempfile.TemporaryDirectory() as folder:
        config.base_model_name_or_path = "some/base"
        config.inference_mode = True
        try:
            config.save_pretrained(folder)
        except Exception:  # it looks for the release's own version, which is not imported
            sys.modules["peft"].__version__ = sys.argv[2]
            config.save_pretrained(folder)
        return json.loads((pathlib.Path(folder) / "adapter_config.json").read_text())
print(json.dumps({
    "lora": saved(Lora(r=4, lora_alpha=12, lora_dropout=0.1, target_modules=["q_proj"], bias="none", task_type="CAUSAL_LM")),
    "ia3": saved(Ia3(target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"], task_type="CAUSAL_LM")),
}))
"""


def main():
    configs = {}
    for argument in sys.argv[1:]:
        version, folder = argument.split("=", 1)
        command = [sys.executable, "-W", "ignore", "-c", INNER, folder, version]
        output = subprocess.run(command, env={"PYTHONPATH": folder, "PYTHONHASHSEED": "0"}, capture_output=True, text=True)
        if output.returncode:
            print(f"{version}: {output.stderr.strip().splitlines()[-1]}", file=sys.stderr)
            continue
        configs[version] = json.loads(output.stdout.strip().splitlines()[-1])
    path = Path(__file__).parent / "peft_configs.json"
    path.write_text(json.dumps(configs, indent=1) + "\n")
    print(f"{len(configs)} releases: {', '.join(configs)}")


if __name__ == "__main__":
    main()
