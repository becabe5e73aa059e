"""placeholder"""
def check_importable(): pass
