"""``SampleData``: data sets that modules register; only those with a downloader of their own can be had, no network."""

from __future__ import annotations

from typing import Any

import slicer


class SampleDataSource:
    """One data set; its lists (addresses, files, nodes, ...) must be of one length, also where nothing is downloaded."""

    def __init__(
        self,
        sampleName: str | None = None,
        sampleDescription: str | None = None,
        uris: Any = None,
        fileNames: Any = None,
        nodeNames: Any = None,
        checksums: Any = None,
        loadFiles: Any = None,
        customDownloader: Any = None,
        thumbnailFileName: str | None = None,
        loadFileTypes: Any = None,
        loadFileProperties: Any = None,
        loadFileType: Any = None,
    ) -> None:
        if loadFileType is not None and loadFileTypes is not None:
            raise ValueError("loadFileType and loadFileTypes cannot be specified at the same time")
        kinds = loadFileTypes if loadFileTypes is not None else loadFileType
        self.sampleName, self.sampleDescription = sampleName, sampleDescription or sampleName
        self.customDownloader, self.thumbnailFileName = customDownloader, thumbnailFileName
        self.loadFileProperties = loadFileProperties or {}
        if isinstance(uris, str):
            uris, fileNames, nodeNames = [uris], [fileNames], [nodeNames]
            checksums, loadFiles, kinds = [checksums], [loadFiles], [kinds]
        elif isinstance(uris, (list, tuple)):
            none = [None] * len(uris)
            nodeNames, checksums, loadFiles = (none if one is None else one for one in (nodeNames, checksums, loadFiles))
            kinds = [kinds] * len(uris) if kinds is None or isinstance(kinds, str) else kinds
        self.uris, self.fileNames, self.nodeNames = uris, fileNames, nodeNames
        self.checksums, self.loadFiles, self.loadFileTypes = checksums, loadFiles, kinds
        # As in Slicer, None where a list belongs ends here, with a TypeError.
        if len({len(one) for one in (uris, fileNames, nodeNames, checksums, loadFiles, kinds)}) != 1:
            raise ValueError("All fields of sample data source must have the same length")


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
        loadFileTypes: Any = None,
        loadFiles: Any = None,
        loadFileProperties: Any = None,
        checksums: Any = None,
        loadFileType: Any = None,
    ) -> None:
        """Register a data set."""
        source = SampleDataSource(
            sampleName=sampleName,
            uris=uris,
            fileNames=fileNames,
            nodeNames=nodeNames,
            checksums=checksums,
            loadFiles=loadFiles,
            customDownloader=customDownloader,
            thumbnailFileName=thumbnailFileName,
            loadFileTypes=loadFileTypes,
            loadFileProperties=loadFileProperties,
            loadFileType=loadFileType,
        )
        slicer.modules.sampleDataSources.setdefault(category, []).append(source)

    @staticmethod
    def registerCustomSampleDataCategory(category: str, title: str) -> None:
        """Register a category's title."""
        slicer.modules.sampleDataSources.setdefault(category, [])

    @staticmethod
    def sampleDataSourcesByCategory(category: str | None = None) -> Any:
        """Return the data sets of a category, or all by category."""
        every = slicer.modules.sampleDataSources
        return every if category is None else every.get(category, [])

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
