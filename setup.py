"""Metadata of the distribution; the settings of the tools are in pyproject.toml."""

from __future__ import annotations

import ast
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent

CORE = [
    "pyzmq>=25.1",
    "cloudpickle>=3.0",
    "msgspec>=0.18.5",
    "pluggy>=1.3",
    "psutil>=5.9.6",
    "click>=8.1",
    "rich>=13.7",
]

EXTRAS = {
    "ssh": ["paramiko>=3.4"],
    "aws": ["boto3>=1.34"],
    "kubernetes": ["kubernetes>=29.0"],
    "globus": ["globus-sdk>=3.40"],
    "google": ["google-api-python-client>=2.120", "google-auth>=2.28"],
    "azure": [
        "azure-identity>=1.15",
        "azure-mgmt-compute>=30.0",
        "azure-mgmt-network>=25.0",
        "azure-mgmt-resource>=23.0",
    ],
    "dashboard": ["starlette>=0.37", "uvicorn>=0.29"],
    "joblib": ["joblib>=1.3"],
    "yaml": ["pyyaml>=6.0"],
    "fsspec": ["fsspec>=2024.2"],
}

DEVELOPMENT = {
    "docs": ["sphinx>=8.0", "furo>=2024.8", "myst-parser>=4.0"],
    "test": [
        "pytest>=8.2",
        "pytest-timeout>=2.3",
        "pytest-xdist>=3.6",
        "hypothesis>=6.100",
        "coverage>=7.10",
        "numpy>=1.26",
        "joblib>=1.3",
        "paramiko>=3.4",
        "pyyaml>=6.0",
        "fsspec>=2024.2",
        "pyftpdlib>=2.0",
        "pyopenssl>=24.0",
        "s3fs>=2024.2",
        "moto[s3]>=5.0",
        "flask>=3.0",
        "flask-cors>=4.0",
        "globus-sdk>=3.40",
        "requests>=2.31",
        "responses>=0.25",
        "pandas>=2.1",
        "attrs>=23.1",
    ],
}


def version() -> str:
    """The version string of the package, without importing it."""
    source = (ROOT / "parsl_like" / "version.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "VERSION":
            return str(ast.literal_eval(node.value))
    raise SystemExit("setup.py: parsl_like/version.py does not assign VERSION")


class BuildWithExamples(build_py):
    """Puts the demo into the wheel, so that ``parsl-like demo`` works without a checkout."""

    demo = Path("examples", "source_census.py")

    def run(self) -> None:
        super().run()
        # An editable install finds the demo in the checkout itself.
        if not self.editable_mode:
            target = Path(self.build_lib, "parsl_like", self.demo)
            self.mkpath(str(target.parent))
            self.copy_file(str(ROOT / self.demo), str(target))


setup(
    name="parsl_like",
    version=version(),
    description="A many-task engine: Parsl's programs, unchanged, on a faster core that loses nothing",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    keywords=["workflow", "parallel", "distributed", "HPC", "many-task computing", "scientific computing"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering",
        "Topic :: System :: Distributed Computing",
        "Typing :: Typed",
    ],
    python_requires=">=3.11",
    install_requires=CORE,
    extras_require={**EXTRAS, **DEVELOPMENT, "all": sorted({line for lines in EXTRAS.values() for line in lines})},
    packages=find_packages(include=["parsl_like", "parsl_like.*"]),
    # Said aloud, it makes an editable install a plain line in a .pth file: no import hook slows the start of a worker.
    package_dir={"": "."},
    package_data={"parsl_like": ["py.typed"]},
    cmdclass={"build_py": BuildWithExamples},
    # Plugins declare themselves in the entry-point group "parsl_like", one module with hooks for each entry; the parts
    # that come with the package are registered by name and have no entry here.
    entry_points={
        "console_scripts": [
            "parsl-like = parsl_like.cli:main",
            # Under the names that Parsl gives them, and those that s/parsl/parsl_like/ makes of these.
            "parsl-perf = parsl_like.cli.aliases:perf",
            "parsl_like-perf = parsl_like.cli.aliases:perf",
            "parsl-visualize = parsl_like.cli.aliases:visualize",
            "parsl_like-visualize = parsl_like.cli.aliases:visualize",
            "parsl-globus-auth = parsl_like.cli.aliases:globus_auth",
            "parsl_like-globus-auth = parsl_like.cli.aliases:globus_auth",
            # What blocks run, by the names that launch_cmd and interchange_launch_cmd of Parsl's programs say.
            "process_worker_pool.py = parsl_like.executors.high_throughput.process_worker_pool:main",
            "interchange.py = parsl_like.executors.high_throughput.interchange:main",
            "exec_parsl_function.py = parsl_like.executors.workqueue.exec_parsl_function:main",
        ],
    },
    zip_safe=False,
)
