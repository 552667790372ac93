"""What `auxhead demo` takes."""

from __future__ import annotations

from pydantic import Field

from auxhead.keys.reading import Keys


class DemoKeys(Keys):
    """The keys of `auxhead demo`."""

    out: str | None = Field(
        default=None, description="folder for the pictures and both runs (default: runs/demo/signs)"
    )
    flip_variant: bool = Field(default=False, description="classes that a mirror confuses (arrows left and right)")
    seed: int = Field(default=0, ge=0, description="seed of the pictures and of both trainings")
    epochs: int = Field(default=12, ge=1, description="epochs of each training")
    cpu_bf16: bool | None = Field(
        default=None, description="on CPUs: bfloat16 autocast (default: where the CPU has AVX512-BF16 or AMX)"
    )
