"""The camera and its detectors."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Camera", "Detector"]


@dataclass(frozen=True)
class Detector:
    """One sensor of the focal plane."""

    id: int
    name: str
    raft: str
    width: int
    height: int

    def getName(self) -> str:  # noqa: N802
        """Return the full name, such as ``R22_S11``."""
        return self.name

    def getId(self) -> int:  # noqa: N802
        """Return the detector number."""
        return self.id


@dataclass(frozen=True)
class Camera:
    """The focal plane of an instrument; index it by detector number or full name."""

    name: str
    detectors: tuple[Detector, ...]

    def __len__(self) -> int:
        return len(self.detectors)

    def __getitem__(self, key: int | str) -> Detector:
        for detector in self.detectors:
            if key in (detector.id, detector.name):
                return detector
        raise KeyError(key)

    @classmethod
    def lsst(cls, name: str) -> Camera:
        """Return LSSTCam's 189 science sensors, nine in each of 21 rafts, numbered as in DC2."""
        corners = {"00", "04", "40", "44"}
        rafts = [f"{x}{y}" for x in range(5) for y in range(5) if f"{x}{y}" not in corners]
        sensors = [(raft, f"{x}{y}") for raft in rafts for x in range(3) for y in range(3)]
        return cls(
            name,
            tuple(
                Detector(number, f"R{raft}_S{sensor}", f"R{raft}", 4072, 4000)
                for number, (raft, sensor) in enumerate(sensors)
            ),
        )
