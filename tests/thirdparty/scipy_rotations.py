"""scipy.spatial.transform: rotations and rigid transforms."""

import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation, Slerp

from thirdparty.call import call, like

VECTOR = np.asarray([0.3, -0.5, 1.1])
QUATERNION = np.asarray([0.2, -0.4, 0.5, 0.7])
MANY = np.asarray([[0.2, -0.4, 0.5, 0.7], [0.1, 0.9, -0.3, 0.2], [0.5, 0.5, 0.1, 0.3]])
POINTS = np.asarray([[0.3, 1.2, -0.7], [1.9, -0.2, 0.8], [0.5, 0.6, 1.4]])


def rigid(t, q):
    return RigidTransform.from_components(t, Rotation.from_quat(q))


ROWS = [
    call(lambda q: Rotation.from_quat(q).as_matrix(), QUATERNION, name="Rotation.as_matrix"),
    call(lambda q: Rotation.from_quat(q).as_rotvec(), QUATERNION, name="Rotation.as_rotvec"),
    call(lambda q: Rotation.from_quat(q).as_mrp(), QUATERNION, name="Rotation.as_mrp"),
    call(lambda q: Rotation.from_quat(q).as_euler("xyz"), QUATERNION, name="Rotation.as_euler"),
    call(lambda v: Rotation.from_rotvec(v).as_quat(), VECTOR, name="Rotation.from_rotvec"),
    call(lambda v: Rotation.from_mrp(v).as_matrix(), VECTOR, name="Rotation.from_mrp"),
    call(lambda v: Rotation.from_euler("xyz", v).as_matrix(), VECTOR, name="Rotation.from_euler"),
    call(lambda v, w: Rotation.from_rotvec(v).apply(w), VECTOR, VECTOR + 1, name="Rotation.apply"),
    call(
        lambda q: Rotation.from_matrix(Rotation.from_quat(q).as_matrix()).as_rotvec(),
        QUATERNION,
        name="Rotation.from_matrix",
    ),
    call(lambda v: (Rotation.from_rotvec(v) ** 0.4).as_quat(), VECTOR, name="Rotation ** p"),
    call(lambda v: Rotation.from_rotvec(v).magnitude(), VECTOR, name="Rotation.magnitude"),
    call(
        lambda v, w: (Rotation.from_rotvec(v) * Rotation.from_rotvec(w)).as_quat(),
        VECTOR,
        VECTOR + 1,
        name="Rotation * Rotation",
    ),
    call(lambda v: Rotation.from_rotvec(v).inv().as_rotvec(), VECTOR, name="Rotation.inv"),
    call(
        lambda t: RigidTransform.from_translation(t).as_matrix(),
        VECTOR,
        name="RigidTransform.from_translation",
    ),
    call(
        lambda t: RigidTransform.from_translation(t).apply(t), VECTOR, name="RigidTransform.apply"
    ),
    call(
        lambda v: RigidTransform.from_exp_coords(v).as_matrix(),
        np.asarray([0.1, 0.2, -0.3, 1.0, 0.4, 0.2]),
        name="RigidTransform.from_exp_coords",
    ),
    call(
        lambda q: Rotation.from_quat(q).as_davenport(like(q, np.eye(3)), "extrinsic"),
        QUATERNION,
        name="Rotation.as_davenport",
    ),
    call(
        lambda a: Rotation.from_davenport(like(a, np.eye(3)), "extrinsic", a).as_quat(),
        VECTOR,
        name="Rotation.from_davenport",
    ),
    call(
        lambda p, q: Rotation.concatenate([Rotation.from_quat(p), Rotation.from_quat(q)]).as_quat(),
        QUATERNION,
        QUATERNION + 1,
        name="Rotation.concatenate",
    ),
    call(lambda q: Rotation.from_quat(q).mean().as_matrix(), MANY, name="Rotation.mean"),
    call(lambda q: Rotation.from_quat(q)[1].as_matrix(), MANY, name="Rotation[i]"),
    call(lambda q: Rotation.from_quat(q).reduce().as_matrix(), MANY, name="Rotation.reduce"),
    call(
        lambda a, b: Rotation.align_vectors(a, b)[0].as_matrix(),
        POINTS,
        POINTS[:, ::-1] + 0.1,
        name="Rotation.align_vectors",
    ),
    call(
        lambda q: Slerp(like(q, [0.0, 1.0, 2.0]), Rotation.from_quat(q))(
            like(q, [0.3, 1.4])
        ).as_quat(),
        MANY,
        name="Slerp",
    ),
    call(
        lambda q: RigidTransform.from_rotation(Rotation.from_quat(q)).as_matrix(),
        QUATERNION,
        name="RigidTransform.from_rotation",
    ),
    call(
        lambda t, q: rigid(t, q).as_matrix(),
        VECTOR,
        QUATERNION,
        name="RigidTransform.from_components",
    ),
    call(lambda t, q: rigid(t, q).inv().as_matrix(), VECTOR, QUATERNION, name="RigidTransform.inv"),
    call(
        lambda t, q: rigid(t, q).as_dual_quat(),
        VECTOR,
        QUATERNION,
        name="RigidTransform.as_dual_quat",
    ),
    call(
        lambda t, q: rigid(t, q).as_exp_coords(),
        VECTOR,
        QUATERNION,
        name="RigidTransform.as_exp_coords",
    ),
    call(
        lambda t, q: (rigid(t, q) * rigid(2 * t, q)).as_matrix(),
        VECTOR,
        QUATERNION,
        name="RigidTransform * RigidTransform",
    ),
    call(
        lambda t, q: (rigid(t, q) ** 2).as_matrix(), VECTOR, QUATERNION, name="RigidTransform ** 2"
    ),
    call(
        lambda t: RigidTransform.from_translation(t).mean().as_matrix(),
        POINTS,
        name="RigidTransform.mean",
    ),
    call(
        lambda d: RigidTransform.from_dual_quat(d).as_matrix(),
        np.asarray([0.1, 0.2, -0.3, 0.9, 0.05, -0.1, 0.2, 0.3]),
        name="RigidTransform.from_dual_quat",
    ),
]

LIMITS: dict[str, str] = {}

BRANCHES: set[str] = set()
