/* What packing and unpacking share. */
#ifndef HOLM_IMAGE_TREE_PRIVATE_H
#define HOLM_IMAGE_TREE_PRIVATE_H

#include "image/tree.h"

/* Opens a path below a folder, links followed inside it only; a descriptor or negative errno. */
int tree_open(int root, const char *path, int flags);
/* "/etc/x/" to "/etc" and "x"; "/" to "/" and ".". The strings are the caller's. */
void tree_split(const char *path, char **ret_parent, char **ret_name);

#endif
