"""Models on the Hugging Face hub, and in folders of its form: from_pretrained, save_pretrained, push_to_hub."""

from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelHubMixin, hf_hub_download

WEIGHTS = "model.safetensors"
PICTURE = "samples.png"


class OnHub(ModelHubMixin, library_name="gan-zoo", tags=["gan", "image-generation"]):
    """Mixin: the model as `model.safetensors`, a picture of samples, and a card written from its results row.

    `push_to_hub(repo_id, model_card_kwargs={"row": PATH})` and `save_pretrained(folder, ...)` take the row of the
    model's score; without one the card says that it was not scored.
    """

    def _save_pretrained(self, save_directory: Path) -> None:
        import zoo

        zoo.save_folder(self, Path(save_directory))

    @classmethod
    def _from_pretrained(cls, *, model_id: str, **options: Any) -> "OnHub":
        """The model of a folder or of a repository on the hub; its class is the one that was saved.

        Raises:
            FileNotFoundError: if the folder has no model of the zoo.
            TypeError: if it holds another class than `cls`.
        """
        import zoo

        if Path(model_id).is_dir():
            file = Path(model_id, WEIGHTS)
        else:
            known = ("revision", "cache_dir", "force_download", "local_files_only", "token")
            file = Path(hf_hub_download(model_id, WEIGHTS, **{k: options[k] for k in known if k in options}))
        if not file.is_file():
            raise FileNotFoundError(f"{model_id} has no {WEIGHTS}: it is no model that the zoo has saved")
        model = zoo.load(file)
        if not isinstance(model, cls):
            raise TypeError(f"{model_id} holds a {type(model).__name__}: take that class, or GAN for any")
        return model

    def generate_model_card(self, *args: Any, row: str | Path | dict | None = None, **kwargs: Any) -> ModelCard:
        import zoo

        return ModelCard(zoo.model_card(self, row))
