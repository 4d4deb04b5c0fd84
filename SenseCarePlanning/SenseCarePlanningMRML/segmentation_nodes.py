"""LabelMap <-> vtkMRMLSegmentationNode, with SNOMED CT terminology on every segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from vtk.util.numpy_support import vtk_to_numpy

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.report.model import Code
from SenseCarePlanningLib.volume import LabelMap, bounding_box

from .coordinates import affine_from_ras_matrix, ijk_to_ras_matrix
from .volume_nodes import image_data

ANATOMY = Code("123037004", "SCT", "Anatomical Structure")
TISSUE = Code("85756007", "SCT", "Tissue")
ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")
RIGHT, LEFT = Code("24028007", "SCT", "Right"), Code("7771000", "SCT", "Left")
TERMINOLOGY_CONTEXT = "Segmentation category and type - DICOM master list"
ANATOMIC_CONTEXT = "Anatomic codes - DICOM master list"


@dataclass(frozen=True)
class SegmentStyle:
    """How one label value is named, coded and shown.

    Parameters
    ----------
    name
        What the user reads.
    category, type, modifier
        Coded meaning as in DICOM SEG: category, type and (laterality) modifier.
    color, opacity, visible
        RGB 0 to 1, 3-D opacity 0 to 1, shown at once or only on demand.
    """

    name: str
    category: Code
    type: Code
    modifier: Code | None = None
    color: tuple[float, float, float] = (0.8, 0.8, 0.8)
    opacity: float = 1.0
    visible: bool = True


@dataclass(frozen=True, eq=False)
class SegmentLayer:
    """A label map and the style of each of its values that becomes a segment (segment id = machine name)."""

    labels: LabelMap
    styles: Mapping[int, tuple[str, SegmentStyle]]


def terminology_text(style: SegmentStyle) -> str:
    """Return the terminology entry as Slicer stores it in a segment's tag."""

    def coded(code: Code | None) -> str:
        """Return a code in the scene's notation."""
        return "^^" if code is None else f"{code.scheme}^{code.value}^{code.meaning}"

    parts = [TERMINOLOGY_CONTEXT, coded(style.category), coded(style.type), coded(style.modifier), ANATOMIC_CONTEXT]
    return "~".join([*parts, "^^", "^^"])


@dataclass(frozen=True, eq=False)
class PreparedLayer:
    """A layer ready for the scene: cut to the voxels in use (one voxel when all are 0), with the values that occur.

    Parameters
    ----------
    array_kji
        The part of the label map in use.
    start_kji
        Where it begins on the label map's grid.
    affine_ijk_to_lps
        Of the label map's whole grid.
    styles
        As of the layer, without values that do not occur.
    """

    array_kji: NDArray[Any]
    start_kji: tuple[int, int, int]
    affine_ijk_to_lps: FloatArray
    styles: Mapping[int, tuple[str, SegmentStyle]]


def prepare_layer(layer: SegmentLayer) -> PreparedLayer:
    """Find what of a layer is in use; plain data, so that a window can leave it to a thread."""
    labels = layer.labels
    try:
        box = bounding_box(labels.array_kji > 0)
    except ValueError:
        box = (slice(0, 1), slice(0, 1), slice(0, 1))
    part = np.ascontiguousarray(labels.array_kji[box])
    present = set(np.unique(part).tolist())
    styles = {value: style for value, style in layer.styles.items() if value in present}
    k, j, i = (side.start for side in box)
    return PreparedLayer(part, (k, j, i), labels.affine_ijk_to_lps, styles)


def oriented_image(layer: PreparedLayer) -> Any:
    """Return a vtkOrientedImageData of a layer."""
    image = slicer.vtkOrientedImageData()
    image.ShallowCopy(image_data(layer.array_kji))
    sides = zip(layer.start_kji[::-1], layer.array_kji.shape[::-1], strict=True)
    extent = [value for start, size in sides for value in (start, start + size - 1)]
    image.SetExtent(extent)
    image.SetGeometryFromImageToWorldMatrix(ijk_to_ras_matrix(layer.affine_ijk_to_lps))
    if image.GetNumberOfPoints() != layer.array_kji.size:
        raise ValueError(f"extent {extent} does not fit the image")
    return image


def add_segmentation(scene: Any, layers: Sequence[SegmentLayer], name: str, reference: Any = None) -> Any:
    """Add a segmentation node; the values of one layer share one label map, so overlaps need a layer of their own.

    Parameters
    ----------
    layers
        Values that do not occur in their label map are left out.
    reference
        A volume node on whose grid the segmentation is edited in Slicer.
    """
    node = add_empty_segmentation(scene, name)
    for layer in layers:
        add_layer(node, prepare_layer(layer))
    if reference is not None:
        node.SetReferenceImageGeometryParameterFromVolumeNode(reference)
    return node


def add_empty_segmentation(scene: Any, name: str) -> Any:
    """Add a segmentation node that :func:`add_layer` fills."""
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetSourceRepresentationToBinaryLabelmap()
    return node


def add_layer(node: Any, layer: PreparedLayer) -> None:
    """Add the segments of one layer to a segmentation node."""
    image = oriented_image(layer)
    display = node.GetDisplayNode()
    for value, (segment_id, style) in layer.styles.items():
        node.GetSegmentation().AddSegment(_segment(image, value, style), segment_id)
        display.SetSegmentVisibility(segment_id, style.visible)
        display.SetSegmentOpacity3D(segment_id, style.opacity)


def _segment(image: Any, value: int, style: SegmentStyle) -> Any:
    segment = slicer.vtkSegment()
    segment.SetName(style.name)
    segment.SetColor(*style.color)
    segment.SetLabelValue(int(value))
    segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), terminology_text(style))
    segment.AddRepresentation(slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName(), image)
    return segment


def segment_labels(node: Any, segment_id: str) -> LabelMap:
    """Return one segment as a LabelMap of 0 and 1 on the part of the grid that it uses.

    Raises
    ------
    KeyError
        When there is no such segment.
    """
    shared, value = shared_labels(node, segment_id)
    return LabelMap((shared.array_kji == value).astype(np.uint8), shared.affine_ijk_to_lps, {1: segment_id})


def shared_labels(node: Any, segment_id: str) -> tuple[LabelMap, int]:
    """Return the label map that holds a segment, its array the node's own memory (read only), and the segment's value in it.

    Raises
    ------
    KeyError
        When there is no such segment, or nothing was ever drawn in it.
    """
    segment = node.GetSegmentation().GetSegment(segment_id)
    if segment is None:
        known = [node.GetSegmentation().GetNthSegmentID(at) for at in range(node.GetSegmentation().GetNumberOfSegments())]
        raise KeyError(f"no segment {segment_id!r}; known: {known}")
    name = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    image = segment.GetRepresentation(name)
    if image is None or image.GetNumberOfPoints() == 0:
        raise KeyError(f"nothing is drawn in the segment {segment_id!r}")
    array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    affine = affine_from_ras_matrix(matrix)
    start = np.array(image.GetExtent()[0::2], dtype=np.float64)
    affine[:3, 3] += affine[:3, :3] @ start
    return LabelMap(array, affine), int(segment.GetLabelValue())
