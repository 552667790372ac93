"""Detection data sets to pose or segmentation data sets: boxes become keypoints or outlines."""
