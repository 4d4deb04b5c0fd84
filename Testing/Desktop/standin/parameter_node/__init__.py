"""``slicer.parameterNodeWrapper``: typed parameters kept in a scene node and bound to widgets (own implementation)."""

from .annotations import (
    Choice,
    Decimals,
    Default,
    Exclude,
    FloatRange,
    IsInstance,
    IsNone,
    Label,
    Maximum,
    Minimum,
    NotNone,
    RangeBounds,
    SingleStep,
    Validator,
    WithinRange,
)
from .connectors import GuiConnector, createGuiConnector, parameterNodeGuiConnector
from .packs import isParameterPack, nestedParameterNames, parameterPack
from .serializers import Serializer, createSerializer
from .wrapper import ParameterInfo, isParameterNodeWrapper, parameterNodeWrapper

__all__ = [
    "Choice",
    "Decimals",
    "Default",
    "Exclude",
    "FloatRange",
    "GuiConnector",
    "IsInstance",
    "IsNone",
    "Label",
    "Maximum",
    "Minimum",
    "NotNone",
    "ParameterInfo",
    "RangeBounds",
    "Serializer",
    "SingleStep",
    "Validator",
    "WithinRange",
    "createGuiConnector",
    "createSerializer",
    "isParameterNodeWrapper",
    "isParameterPack",
    "nestedParameterNames",
    "parameterNodeGuiConnector",
    "parameterNodeWrapper",
    "parameterPack",
]
