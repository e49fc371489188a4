"""What the system tests share: hosts as network namespaces, images, descriptors, deadlines."""
