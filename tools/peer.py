"""The kernel beside ours: Debian's Linux for clouds, from its package, and an initrd for it. Nothing
is installed: apt finds and downloads, dpkg-deb unpacks, and the kernel is kept in a folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

PACKAGE = "linux-image-cloud-amd64"  # depends on the one with a version in its name
APT = ["-q", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=1"]
APT += ["-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20"]


class Missing(Exception):
    """There is no Linux to measure: why, in a sentence."""


def command(arguments: list[str], folder: str, seconds: float) -> str:
    """Its output; Missing when it fails, is not there, or takes longer."""
    name = " ".join(word for word in arguments[:2] if not word.startswith("-"))
    try:
        done = subprocess.run(
            arguments, cwd=folder, timeout=seconds, capture_output=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, env=os.environ | {"LC_ALL": "C"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Missing(f"{name} took more than {seconds:g} s") from None
    except OSError as error:
        raise Missing(f"{name}: {error.strerror}") from None
    if done.returncode:
        said = re.search(r"^E: (.*)", done.stderr, re.MULTILINE) or re.search(r"(.+)", done.stderr)
        raise Missing(f"{name}: {said[1] if said else 'failed'}")
    return done.stdout


def download(folder: str, options: list[str]) -> None:
    """Leaves the kernel's package in the folder."""
    depends = command(["apt-cache", "depends", *options, PACKAGE], folder, 60)
    image = re.search(r"Depends: (linux-image-[0-9]\S*)", depends)
    if not image:
        raise Missing(f"{PACKAGE} depends on no kernel")
    command(["apt-get", "download", *APT, *options, image[1]], folder, 300)


def own_lists(folder: str) -> list[str]:
    """Gets apt's lists into the folder, which needs no rights; the options that make apt use them."""
    options = []
    for option, name in {"State::Lists": "lists", "Cache::Archives": "archives"}.items():
        os.makedirs(f"{folder}/{name}/partial")
        options += ["-o", f"Dir::{option}={folder}/{name}/"]
    options += ["-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="]
    whole = ["-o", "APT::Update::Error-Mode=any"]  # a list that fails is no mere warning
    command(["apt-get", "update", *APT, *whole, *options], folder, 120)
    return options


def linux(cache: Path) -> Path:
    """The kernel's bzImage, boot/vmlinuz-VERSION of the package; downloaded unless the cache has
    one. Missing, with the package's name in the sentence, when it cannot be had."""
    for kernel in sorted(cache.glob("vmlinuz-*"), reverse=True):
        return kernel
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="download-", dir=cache.resolve()) as folder:
        try:
            try:
                download(folder, [])
            except Missing:  # the machine's lists are old or empty
                download(folder, own_lists(folder))
            for package in Path(folder).glob("*.deb"):
                command(["dpkg-deb", "-x", str(package), "image"], folder, 120)
        except Missing as error:
            raise Missing(f"{PACKAGE} cannot be had: {error}") from None
        for image in Path(folder).glob("image/boot/vmlinuz-*"):
            return Path(shutil.move(image, cache / image.name))
    raise Missing(f"{PACKAGE} cannot be had: no boot/vmlinuz-* in what it depends on")


def initrd(program: Path, archive: Path) -> None:
    """An archive with nothing in it but the program, as /init."""
    with tempfile.TemporaryDirectory(prefix="sallyport-") as folder, open(archive, "wb") as file:
        shutil.copy(program, f"{folder}/init")
        os.chmod(f"{folder}/init", 0o755)
        subprocess.run(
            ["cpio", "--quiet", "-o", "-H", "newc", "--owner=+0:+0"],
            cwd=folder, input=b"init\n", stdout=file, check=True,
        )  # fmt: skip
