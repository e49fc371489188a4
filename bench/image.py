"""An OCI layout with nothing but a static busybox, made here so that no network is needed."""
import hashlib
import io
import json
import os
import tarfile

BUSYBOX = '/bin/busybox'


def layer():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w', format=tarfile.USTAR_FORMAT) as tar:
        for name in ('bin', 'tmp', 'proc', 'sys', 'dev', 'etc'):
            entry = tarfile.TarInfo(name)
            entry.type = tarfile.DIRTYPE
            entry.mode = 0o755
            tar.addfile(entry)
        entry = tarfile.TarInfo('bin/busybox')
        entry.mode = 0o755
        entry.size = os.path.getsize(BUSYBOX)
        with open(BUSYBOX, 'rb') as file:
            tar.addfile(entry, file)
        for name in ('sh', 'sleep', 'echo'):
            entry = tarfile.TarInfo(f'bin/{name}')
            entry.type = tarfile.SYMTYPE
            entry.linkname = 'busybox'
            tar.addfile(entry)
    return buffer.getvalue()


def make(path):
    """Writes the layout; its only image is tagged "latest"."""
    os.makedirs(f'{path}/blobs/sha256')

    def put(data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        with open(f'{path}/blobs/sha256/{digest}', 'wb') as file:
            file.write(data)
        return {'mediaType': f'application/vnd.oci.image.{media_type}',
                'digest': f'sha256:{digest}', 'size': len(data)}

    data = layer()
    layers = [put(data, 'layer.v1.tar')]
    config = put(json.dumps({
        'architecture': 'amd64', 'os': 'linux',
        'config': {'Cmd': ['/bin/sleep', '100000'], 'Env': ['PATH=/bin'], 'StopSignal': 'SIGKILL'},
        'rootfs': {'type': 'layers', 'diff_ids': [layers[0]['digest']]},
    }).encode(), 'config.v1+json')
    manifest = put(json.dumps({
        'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.manifest.v1+json',
        'config': config, 'layers': layers,
    }).encode(), 'manifest.v1+json')
    manifest['annotations'] = {'org.opencontainers.image.ref.name': 'latest'}
    manifest['platform'] = {'architecture': 'amd64', 'os': 'linux'}
    with open(f'{path}/index.json', 'w', encoding='utf-8') as file:
        json.dump({'schemaVersion': 2, 'manifests': [manifest]}, file)
    with open(f'{path}/oci-layout', 'w', encoding='utf-8') as file:
        json.dump({'imageLayoutVersion': '1.0.0'}, file)
