"""What a run or job told over time, for other programs: tables, TensorBoard, MLflow."""
