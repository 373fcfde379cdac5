"""Product pictures: vectors of images and texts in one space, for search by picture and for products nobody met yet."""
