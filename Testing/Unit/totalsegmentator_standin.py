"""Sources of a stand-in for an installed TotalSegmentator: its settings, and the image class it uses."""

CONFIG = """
_keys = {"send_usage_stats": True}


def setup_totalseg(totalseg_id=None):
    return _keys


def get_config_key(name):
    return _keys.get(name)


def set_config_key(name, value):
    _keys[name] = value
"""
NIBABEL = """
class Nifti1Image:
    def __init__(self, dataobj, affine):
        self.dataobj, self.affine, self.shape = dataobj, affine, dataobj.shape
"""
