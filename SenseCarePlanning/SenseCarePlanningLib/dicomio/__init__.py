"""Medical images in and out: DICOM series, NIfTI, NRRD, MHA and DICOM SEG, checked before anything is computed."""
