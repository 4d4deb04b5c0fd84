"""``SampleData``: data sets that modules register; only those with a downloader of their own can be had, no network."""

from __future__ import annotations

from typing import Any

import slicer


class SampleDataSource:
    """One data set."""

    def __init__(self, sampleName: str | None = None, customDownloader: Any = None, **rest: Any) -> None:
        self.sampleName, self.customDownloader = sampleName, customDownloader
        self.__dict__.update(rest)


class SampleDataLogic:
    """Knows and gets the data sets."""

    @staticmethod
    def registerCustomSampleDataSource(
        category: str = "Custom",
        sampleName: str | None = None,
        uris: Any = None,
        fileNames: Any = None,
        nodeNames: Any = None,
        customDownloader: Any = None,
        thumbnailFileName: str | None = None,
        loadFileType: Any = None,
        loadFiles: Any = None,
        loadFileProperties: Any = None,
        checksums: Any = None,
        sampleDescription: str | None = None,
    ) -> None:
        """Register a data set."""
        source = SampleDataSource(
            sampleName,
            customDownloader,
            uris=uris,
            fileNames=fileNames,
            nodeNames=nodeNames,
            checksums=checksums,
            thumbnailFileName=thumbnailFileName,
            sampleDescription=sampleDescription,
        )
        slicer.modules.sampleDataSources.setdefault(category, []).append(source)

    @staticmethod
    def registerCustomSampleDataCategory(category: str, title: str) -> None:
        """Register a category's title."""
        slicer.modules.sampleDataSources.setdefault(category, [])

    @staticmethod
    def sourceForSampleName(sampleName: str) -> Any:
        """Return a data set by name, or None."""
        every = [source for many in slicer.modules.sampleDataSources.values() for source in many]
        return next((source for source in every if source.sampleName == sampleName), None)

    def downloadFromSource(self, source: SampleDataSource) -> Any:
        """Return the nodes of a data set."""
        if source.customDownloader is None:
            raise RuntimeError(f"{source.sampleName}: the stand-in has no network")
        return source.customDownloader(source)

    def downloadSamples(self, sampleName: str) -> Any:
        """Return the nodes of a data set by name."""
        return self.downloadFromSource(self.sourceForSampleName(sampleName))

    def downloadSample(self, sampleName: str) -> Any:
        """Return the first node of a data set by name."""
        found = self.downloadSamples(sampleName)
        return found[0] if isinstance(found, (list, tuple)) else found


def downloadSample(sampleName: str) -> Any:
    """Return the first node of a data set by name."""
    return SampleDataLogic().downloadSample(sampleName)


def downloadSamples(sampleName: str) -> Any:
    """Return the nodes of a data set by name."""
    return SampleDataLogic().downloadSamples(sampleName)
