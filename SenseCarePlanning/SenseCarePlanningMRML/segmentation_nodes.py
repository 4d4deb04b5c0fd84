"""LabelMap <-> vtkMRMLSegmentationNode, with SNOMED CT terminology on every segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

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
        return "^^" if code is None else f"{code.scheme}^{code.value}^{code.meaning}"

    parts = [TERMINOLOGY_CONTEXT, coded(style.category), coded(style.type), coded(style.modifier), ANATOMIC_CONTEXT]
    return "~".join([*parts, "^^", "^^"])


def oriented_image(labels: LabelMap) -> Any:
    """Return a vtkOrientedImageData of the label map, cut to the voxels in use (one voxel when all are 0)."""
    try:
        box = bounding_box(labels.array_kji > 0)
    except ValueError:
        box = (slice(0, 1), slice(0, 1), slice(0, 1))
    image = slicer.vtkOrientedImageData()
    image.ShallowCopy(image_data(labels.array_kji[box]))
    start = [part.start for part in box[::-1]]
    extent = [value for part in box[::-1] for value in (part.start, part.stop - 1)]
    image.SetExtent(extent)
    image.SetGeometryFromImageToWorldMatrix(ijk_to_ras_matrix(labels.affine_ijk_to_lps))
    if image.GetNumberOfPoints() != int(np.prod([part.stop - part.start for part in box])):
        raise ValueError(f"extent {extent} from {start} does not fit the image")
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
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetSourceRepresentationToBinaryLabelmap()
    for layer in layers:
        image = oriented_image(layer.labels)
        for value, (segment_id, style) in layer.styles.items():
            if (layer.labels.array_kji == value).any():
                node.GetSegmentation().AddSegment(_segment(image, value, style), segment_id)
                display = node.GetDisplayNode()
                display.SetSegmentVisibility(segment_id, style.visible)
                display.SetSegmentOpacity3D(segment_id, style.opacity)
    if reference is not None:
        node.SetReferenceImageGeometryParameterFromVolumeNode(reference)
    return node


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
    segment = node.GetSegmentation().GetSegment(segment_id)
    if segment is None:
        known = [node.GetSegmentation().GetNthSegmentID(at) for at in range(node.GetSegmentation().GetNumberOfSegments())]
        raise KeyError(f"no segment {segment_id!r}; known: {known}")
    name = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    image = segment.GetRepresentation(name)
    array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    affine = affine_from_ras_matrix(matrix)
    start = np.array(image.GetExtent()[0::2], dtype=np.float64)
    affine[:3, 3] += affine[:3, :3] @ start
    mask = (array == segment.GetLabelValue()).astype(np.uint8)
    return LabelMap(mask, affine, {1: segment_id})
